"""
Answers and decisions as bytes, put together by hand.

The generated classes take several microseconds for an answer with its arrivals and its decision; joining
pieces, most of which are the same from request to request, takes a fraction of that. The numbers of the
fields are read from the messages themselves, and a property test parses the result with the generated
classes.
"""

from functools import lru_cache
from struct import Struct
from typing import Final

from google.protobuf.message import Message
from scoring.v1.answer_pb2 import Answer, Arrival
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import ScoreStatus

_FIXED64: Final = 1
_LENGTH: Final = 2
_FIXED32: Final = 5

# A piece of a message: several are joined in the end.
Pieces = list[bytes]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >> 7:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _tag(message: type[Message], field: str, wire_type: int) -> bytes:
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | wire_type)


def _one_byte_tag(field: str) -> int:
    (tag,) = _tag(Answer, field, _FIXED64)
    return tag


_ID: Final = _tag(Answer, "id", _LENGTH)
_OUTPUTS: Final = _tag(Answer, "outputs", _LENGTH)
_SENT_AT: Final = _one_byte_tag("sent_at_us")
_DEADLINE: Final = _one_byte_tag("deadline_us")
_ANSWERED_AT: Final = _one_byte_tag("answered_at_us")
_DIGEST: Final = _one_byte_tag("digest")
_REQUEST_OFFSET: Final = _tag(Answer, "request_offset", _FIXED64)
_ARRIVAL: Final = _tag(Answer, "arrivals", _LENGTH)
_AFTER: Final = _tag(Arrival, "after_us", _FIXED32)
_ANSWER: Final = _tag(Decision, "answer", _LENGTH)
SCORE_TAG: Final = _tag(Decision, "scores", _LENGTH)
_MISSING: Final = _tag(Decision, "missing", _LENGTH)
_CLOSED_AT: Final = _tag(Decision, "closed_at_us", _FIXED64)

# An answer's arrivals are copied into its decision as they are.
if _tag(Decision, "arrivals", _LENGTH) != _ARRIVAL:
    raise TypeError("Answer.arrivals and Decision.arrivals must have the same number")

_pack_stamps = Struct("<BQBQBQBQ").pack
_pack_u64 = Struct("<Q").pack
# The second piece of an arrival: when the score came, in microseconds since the request's arrival.
pack_after = Struct("<I").pack
AFTER_MAX: Final = 2**32 - 1

# Nearly every length met here is short: LENGTHS[n] if n < SHORT else encode_length(n).
LENGTHS: Final = tuple(_varint(number) for number in range(4096))
SHORT: Final = len(LENGTHS)
encode_length: Final = _varint


def encode_answer(
    request_id: bytes, verdict: bytes, outputs: bytes, stamps: tuple[int, int, int, int],
    request_offset: int, arrivals: Pieces,
) -> bytes:  # fmt: skip
    """
    Return an encoded Answer.

    *verdict* is the encoded part that is the same for all that are decided in the same way; *outputs* is
    encoded Fields; *stamps* are sent, deadline and answered in microseconds since the epoch, then the digest.
    """
    sent, deadline, answered, digest = stamps
    named, size = len(request_id), len(outputs)
    return b"".join((
        _ID, LENGTHS[named] if named < SHORT else encode_length(named), request_id,
        verdict,
        _OUTPUTS, LENGTHS[size] if size < SHORT else encode_length(size), outputs,
        _pack_stamps(_SENT_AT, sent, _DEADLINE, deadline, _ANSWERED_AT, answered, _DIGEST, digest),
        *arrivals,
        _REQUEST_OFFSET, _pack_u64(request_offset),
    ))  # fmt: skip


@lru_cache(maxsize=4096)
def arrival_prefix(model: str, status: int = ScoreStatus.SCORE_STATUS_OK) -> bytes:
    """Return the first of the two pieces that tell of a score of *model*; pack_after makes the second."""
    who = Arrival(model=model, status=status).SerializeToString()  # type: ignore[arg-type]  # as it came
    return b"".join((_ARRIVAL, encode_length(len(who) + len(_AFTER) + 4), who, _AFTER))


def encode_decision(
    answer: bytes, arrivals: Pieces, scores: Pieces, missing: list[str], closed_at: int
) -> bytes:
    """Return an encoded Decision; *closed_at* is in microseconds since the epoch."""
    absent: Pieces = []
    for model in missing:
        name = model.encode()
        absent += (_MISSING, encode_length(len(name)), name)
    size = len(answer)
    return b"".join((
        _ANSWER, LENGTHS[size] if size < SHORT else encode_length(size), answer,
        *arrivals, *scores, *absent,
        _CLOSED_AT, _pack_u64(closed_at),
    ))  # fmt: skip
