"""The head of the stream: features, stamped with one revision."""
