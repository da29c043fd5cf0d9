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
from scoring.v1.input_pb2 import InputHead
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


def _number_of_tag(field: str) -> int:
    return int.from_bytes(_tag(Answer, field, _FIXED64), "little")


_ID: Final = _tag(Answer, "id", _LENGTH)
_OUTPUTS: Final = _tag(Answer, "outputs", _LENGTH)
_SENT_AT: Final = _number_of_tag("sent_at_us")
_DEADLINE: Final = _number_of_tag("deadline_us")
_ANSWERED_AT: Final = _number_of_tag("answered_at_us")
_DIGEST: Final = _number_of_tag("digest")
_REQUEST_OFFSET: Final = _number_of_tag("request_offset")
_ARRIVAL: Final = _tag(Answer, "arrivals", _LENGTH)
_AFTER: Final = _tag(Arrival, "after_us", _FIXED32)
_ANSWER: Final = _tag(Decision, "answer", _LENGTH)
SCORE_TAG: Final = _tag(Decision, "scores", _LENGTH)
_MISSING: Final = _tag(Decision, "missing", _LENGTH)
_CLOSED_AT: Final = _tag(Decision, "closed_at_us", _FIXED64)

# An answer's arrivals are copied into its decision as they are.
if _tag(Decision, "arrivals", _LENGTH) != _ARRIVAL:
    raise TypeError("Answer.arrivals and Decision.arrivals must have the same number")

# Four fields whose tags take one byte, and one that takes two: a tag that needs more is refused by pack.
_pack_fixed = Struct("<BQBQBQBQHQ").pack
_pack_u64 = Struct("<Q").pack
# The second piece of an arrival: when the score came, in microseconds since the request's arrival.
pack_after = Struct("<I").pack
AFTER_MAX: Final = 2**32 - 1

# Nearly every length met here is short: LENGTHS[n] if n < SHORT else encode_length(n).
LENGTHS: Final = tuple(_varint(number) for number in range(4096))
SHORT: Final = len(LENGTHS)
encode_length: Final = _varint


def encode_answer(
    request_id: bytes, head: InputHead, verdict: bytes, outputs: bytes, deadline_at: int, now: int,
    arrivals: Pieces,
) -> bytes:  # fmt: skip
    """
    Return the encoded Answer to *head*.

    *verdict* is the encoded part that is the same for all that are decided in the same way; *outputs* is
    encoded Fields; *deadline_at* and *now* are stamps, microseconds since the epoch.
    """
    named, size = len(request_id), len(outputs)
    pieces = [
        _ID, LENGTHS[named] if named < SHORT else encode_length(named), request_id,
        verdict,
        _OUTPUTS, LENGTHS[size] if size < SHORT else encode_length(size), outputs,
        _pack_fixed(
            _SENT_AT, head.sent_at_us, _DEADLINE, deadline_at, _ANSWERED_AT, now, _DIGEST, head.digest,
            _REQUEST_OFFSET, head.request_offset,
        ),
    ]  # fmt: skip
    pieces += arrivals
    return b"".join(pieces)


@lru_cache(maxsize=4096)
def arrival_prefix(model: str, status: int = ScoreStatus.SCORE_STATUS_OK) -> bytes:
    """Return the first of the two pieces that tell of a score of *model*; pack_after makes the second."""
    who = Arrival(model=model, status=status).SerializeToString()  # type: ignore[arg-type]  # as it came
    return b"".join((_ARRIVAL, encode_length(len(who) + len(_AFTER) + 4), who, _AFTER))


def encode_decision(
    answer: bytes, arrivals: Pieces, scores: Pieces, missing: list[str], closed_at: int
) -> bytes:
    """Return an encoded Decision; *closed_at* is in microseconds since the epoch."""
    size = len(answer)
    pieces = [_ANSWER, LENGTHS[size] if size < SHORT else encode_length(size), answer]
    pieces += arrivals
    pieces += scores
    for model in missing:
        name = model.encode()
        pieces += (_MISSING, encode_length(len(name)), name)
    pieces += (_CLOSED_AT, _pack_u64(closed_at))
    return b"".join(pieces)
