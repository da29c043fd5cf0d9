"""Dead letters: what could not be handled, as it came, with the reason in its headers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rendezvous_contracts.topics import DEAD_LETTERS

from rendezvous_runtime.stream import Record, Send

# A reason is for people: longer ones quote their input, which is in the value already.
_MAX_REASON: Final = 2_000
_MAX_KEPT_KEY: Final = 1_000
_OWN: Final = frozenset({"error", "topic", "partition", "offset", "service", "at_us"})


def dead_letter(record: Record, error: Exception | str, *, service: str) -> Send:
    """
    Return the dead letter of *record*: its bytes whole, in the same partition.

    Headers: its own, then error, topic, partition, offset, service and at_us, which is the stamp that the
    record bears in its topic, in microseconds since the epoch.
    """
    headers = [
        *(record.headers() or ()),
        ("error", reason(error)),
        ("topic", record.topic().encode()),
        ("partition", b"%d" % record.partition()),
        ("offset", b"%d" % record.offset()),
        ("service", service.encode()),
        ("at_us", b"%d" % (record.timestamp()[1] * 1000)),
    ]
    return Send(DEAD_LETTERS, record.partition(), record.key(), record.value() or b"", headers)


def too_large(send: Send, limit: int, *, service: str) -> Send:
    """
    Return the dead letter of a *send* that no broker would take.

    Its value stays behind, for it is what is too large, and half of it would be worse than none. If *send*
    is a dead letter itself, its headers still say where the whole record can be read.
    """
    size = len(send.value) + len(send.key or b"")
    what = f"{send.topic}[{send.partition}]: a record of {size} bytes is above the limit of {limit}"
    headers = [each for each in send.headers or () if each[0] in _OWN]
    if send.topic != DEAD_LETTERS:
        headers = [("topic", send.topic.encode()), ("partition", b"%d" % send.partition)]
        headers.append(("service", service.encode()))
    headers.append(("error", reason(what)))
    key = send.key if send.key is not None and len(send.key) <= _MAX_KEPT_KEY else None
    return Send(DEAD_LETTERS, send.partition, key, b"", headers)


def each_by_itself(
    records: Sequence[Record], handle: Callable[[Record], Iterable[Send]], *, service: str
) -> list[Send]:
    """
    Return the sends of all *records*, with a dead letter for each on which *handle* raises.

    This is the one place that catches everything: whatever is in one record, the next one is handled.
    """
    sends: list[Send] = []
    for record in records:
        try:
            sends.extend([*handle(record)])  # all of them or none, also from a generator
        except Exception as error:  # noqa: BLE001 - any defect that one record brings out stays with it
            sends.append(dead_letter(record, error, service=service))
    return sends


def reason(error: Exception | str) -> bytes:
    """Return *error* as it stands in a header: an exception with its kind, the text bounded."""
    text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
    return text[:_MAX_REASON].encode(errors="backslashreplace")
