"""The errors of this package."""


class ModelError(Exception):
    """A model cannot be served; str() says what is wrong, where, and what to do."""

    #: Whether the same attempt can succeed later without anybody changing anything.
    passing = False


class UnknownRuntimeError(ModelError):
    """No installed runtime serves models of this type."""


class ArtifactRefusedError(ModelError):
    """The artifact is not what the control log says, or is somewhere that must not be read."""


class ArtifactUnavailableError(ModelError):
    """The artifact cannot be read now."""

    passing = True


class NoRoomError(ModelError):
    """The model does not fit beside those that are being used."""

    passing = True


class BadModelError(ModelError):
    """The artifact is verified, but is not a model that this runtime can serve."""


class UnansweredError(ModelError):
    """A model in another process gave no answer where it had to prove itself."""

    passing = True


class RuntimeUnavailableError(ModelError):
    """What the runtime needs (an extra, a JVM) is not installed or does not start."""


class WorkerError(ModelError):
    """The worker process of a model has not loaded it; *passing* as the worker itself says."""

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing
