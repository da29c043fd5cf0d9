"""The errors of this package."""


class CliError(Exception):
    """A command cannot do what it was asked to; str() says why and what to do."""


class UsageError(CliError):
    """A command was called in a way that cannot be meant."""
