"""The errors of the demo."""


class DemoError(Exception):
    """The demo cannot go on; str() says why."""
