"""The errors of this package."""


class ServiceError(Exception):
    """A service cannot start or go on; str() says what is wrong, where, and what to do."""


class SettingsError(ServiceError):
    """A setting is missing, unknown or not usable."""


class DataPlaneError(ServiceError):
    """The data plane cannot go on; the process has to end, and to be started again."""


class ProducerFullError(ServiceError):
    """Too much waits for the broker: the record was not taken; try again later, or refuse."""


class NotSentError(ServiceError):
    """The broker has no place for a record: the topic or partition is not there, or it is too large."""
