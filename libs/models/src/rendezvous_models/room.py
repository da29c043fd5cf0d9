"""Which loaded models make room for another where not all of them fit: pure."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from rendezvous_models.errors import BadModelError
from rendezvous_models.shelf import ReadyModel, ReadyModels

# Who has just scored, or was loaded because an input asked for it, is not thrown out for the next one that
# asks: models that do not fit together would do nothing but load.
REST_US: Final = 5_000_000


class Held(NamedTuple):
    """
    A loaded model: the bytes of its artifact, and when it was last used.

    *used_us* is monotonic; *asked*: whether it has been used or asked for since it was loaded.
    """

    size: int
    used_us: int
    asked: bool


def to_evict(held: Mapping[str, Held], size: int, most: int, now_us: int) -> list[str] | None:
    """
    Return which of *held* have to go so that *size* bytes more are at most *most*, least used first.

    None: there is no room, for the others have been used just now.
    """
    total = size + sum(each.size for each in held.values())
    gone: list[str] = []
    for name, each in sorted(held.items(), key=lambda item: item[1].used_us):
        if total <= most:
            break
        if not each.asked or each.used_us + REST_US <= now_us:
            gone.append(name)
            total -= each.size
    return gone if total <= most else None


class _Use(NamedTuple):
    rows: int
    used_us: int
    asked: bool


class Occupancy:
    """
    How loaded models are used, seen every now and then, and who has to go for another.

    Their artifacts may have *most* bytes together; 0: any.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._uses: dict[str, _Use] = {}

    def look(self, ready: ReadyModels, now_us: int) -> None:
        """Note which of *ready* have scored since the last look."""
        self._uses = {name: self._seen(name, model.usage.count, now_us) for name, model in ready.items()}

    def _seen(self, name: str, rows: int, now_us: int) -> _Use:
        use = self._uses.get(name)
        if use is None:
            return _Use(rows, now_us, asked=False)
        return use if use.rows == rows else _Use(rows, now_us, asked=True)

    def enter(self, name: str, model: ReadyModel, now_us: int, *, asked: bool) -> None:
        """Note that *model* is loaded now, because an input *asked* for it or in its turn."""
        self._uses[name] = _Use(model.usage.count, now_us, asked)

    def in_the_way(
        self, ready: ReadyModels, may_go: Collection[str], size: int, now_us: int
    ) -> list[str] | None:
        """
        Return which of *may_go* have to leave *ready* for *size* bytes more; None: there is no room.

        Raises BadModelError if it would not fit alone.
        """
        if not self._most:
            return []
        if size > self._most:
            raise BadModelError(
                f"the artifact has {size} bytes; those of loaded models may have {self._most} together; "
                "allow more by the setting loaded_max_bytes"
            )
        sizes = {name: model.runtime.descriptor.artifact.size for name, model in ready.items()}
        uses = {name: self._seen(name, ready[name].usage.count, now_us) for name in may_go}
        held = {name: Held(sizes[name], use.used_us, use.asked) for name, use in uses.items()}
        staying = sum(held_size for name, held_size in sizes.items() if name not in held)
        return to_evict(held, size, self._most - staying, now_us)
