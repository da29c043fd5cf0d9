"""Messages of 200 bytes from one topic to another, through each of the references."""

from collections.abc import Mapping
from typing import Final

from bench import records
from bench.scale import Scale
from bench.stand import Stand
from bench.watching import middle_rate, watch

_SOURCE: Final = "plain"
_LIMIT_S: Final = 15.0


class PassThrough:
    """One program that passes everything on."""

    def __init__(self, name: str) -> None:
        self.name = name

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write the messages, once for all programs."""
        if stand.once(_SOURCE):
            stand.create(_SOURCE)
            stand.write(records.plain(_SOURCE, scale.messages))

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Pass all of them on to a topic that is new."""
        target = stand.unique(f"{self.name}-target")
        stand.create(target)
        program = stand.program(f"bench.references.{self.name}", target, _SOURCE, target)
        with stand.running(program) as (process,):
            samples = watch(stand, process, (target,), scale.messages, _LIMIT_S)
        return {f"{self.name}_passthrough_per_s": middle_rate(samples).per_s}
