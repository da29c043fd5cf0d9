"""The runtimes that come with this package; each is imported only when a model of its type is loaded."""
