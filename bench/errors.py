"""The errors of the bench."""


class BenchError(Exception):
    """A figure could not be measured; str() says what went wrong and where to look."""
