"""The errors of this package."""


class DecoyError(Exception):
    """The archive cannot be kept or read; str() says what is wrong, where, and what to do."""


class UndecodableError(DecoyError):
    """A record is not a message of its topic."""


class ArchiveError(DecoyError):
    """What is on disk is not an archive as this package writes it."""
