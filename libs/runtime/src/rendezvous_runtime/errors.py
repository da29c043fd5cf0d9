"""The errors of this package."""


class ServiceError(Exception):
    """A service cannot start or go on; str() says what is wrong, where, and what to do."""


class SettingsError(ServiceError):
    """A setting is missing, unknown or not usable."""
