"""The errors of this package."""


class LocalError(Exception):
    """Something on this machine stands in the way; str() says what is wrong and what to do."""


class MissingToolError(LocalError):
    """A program that the local stack needs is not installed, or is too old."""


class PortInUseError(LocalError):
    """Another process listens on a port that is needed."""


class NotReadyError(LocalError):
    """A process ended, or was not ready in time."""


class AlreadyRunningError(LocalError):
    """Another process already runs on the same data directory."""
