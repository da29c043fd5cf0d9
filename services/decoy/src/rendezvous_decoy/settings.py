"""What the decoy can be told."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from rendezvous_runtime.settings import Port, ServiceSettings

from rendezvous_decoy.archive import Limits


class DecoySettings(ServiceSettings):
    """The settings of every service, and when and where to archive."""

    service: ClassVar[str] = "decoy"
    hurried: ClassVar[bool] = False

    web_port: Port = 6075
    archive_dir: Path = Field(
        default=Path("data/archive"), description="root of the archive; all decoys of a group share one"
    )
    archive_flush_rows: int = Field(default=10_000, ge=1, le=1_000_000, description="rows in one flush")
    archive_flush_bytes: int = Field(
        default=8 * 1024 * 1024, ge=1, le=2**30, description="bytes of records in one flush"
    )
    archive_flush_s: float = Field(
        default=5.0, gt=0, le=3_600, description="the longest that a row waits for its flush, in seconds"
    )
    archive_compression: Literal["zstd", "snappy", "gzip", "none"] = "zstd"

    @property
    def limits(self) -> Limits:
        """When to flush."""
        return Limits(
            self.archive_flush_rows, self.archive_flush_bytes, round(self.archive_flush_s * 1_000_000)
        )
