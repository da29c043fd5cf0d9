"""
Artifacts in object stores, by fsspec.

Credentials and endpoints are the process's own, from its environment as each library documents; a location
names a bucket and an object and can set neither.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import fsspec  # type: ignore[import-untyped]

from rendezvous_models.addresses import Location
from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError, ModelError

_CHUNK: Final = 1 << 20
_BLOCK: Final = 8 << 20


class _Store(NamedTuple):
    protocol: str  # fsspec's
    extra: str  # ours


_STORES: Final = {
    "s3": _Store("s3", "s3"),
    "gs": _Store("gs", "gcs"),
    "gcs": _Store("gs", "gcs"),
    "az": _Store("az", "azure"),
    "abfs": _Store("abfs", "azure"),
}


def read_store(location: Location, write: Callable[[bytes], None]) -> None:
    """
    Hand the object at *location* to *write*, in pieces.

    Raises ArtifactRefusedError where the store's library is not installed, ArtifactUnavailableError for
    whatever that library meets: who mends a bucket or a credential need not publish the model again.
    """
    store = _STORES[location.origin.scheme]
    try:
        files = fsspec.get_filesystem_class(store.protocol)(
            skip_instance_cache=True, use_listings_cache=False
        )
    except ImportError as error:
        raise ArtifactRefusedError(
            f"location {location}: what reads {location.origin.scheme}:// is not installed ({error}); "
            f"install rendezvous-models[{store.extra}]"
        ) from error
    try:
        with files.open(f"{location.origin.host}/{location.path}", "rb", block_size=_BLOCK) as source:
            while chunk := source.read(_CHUNK):
                write(chunk)
    except ModelError:
        raise
    except Exception as error:
        # Each library has errors of its own, and some are none of OSError.
        detail = " ".join(str(error).split())[:300] or type(error).__name__
        raise ArtifactUnavailableError(f"location {location}: {detail}") from error
