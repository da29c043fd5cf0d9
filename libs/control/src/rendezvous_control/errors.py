"""The errors of this package."""


class ControlError(Exception):
    """A change cannot be made to this state; str() says why and what to do."""


class UnchangedError(ControlError):
    """What the change asks for is so already."""
