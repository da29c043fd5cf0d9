"""Shares as people write them: 10%, 0.01%. In messages they are whole hundredths of a percent."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Final

from scoring.v1.control_pb2 import Share

from rendezvous_contracts.errors import BadShareError

WHOLE: Final = 10_000
_PERCENT: Final = 100
_MAX_SALT: Final = 64
_TEXT: Final = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%", re.ASCII)


def parse_share(text: str) -> int:
    """Return the hundredths of a percent that *text* writes; raises BadShareError with what is wrong."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadShareError(f"{text[:80]!r} is not a share: write a percentage, like 10% or 0.01%")
    whole, fraction = match.groups()
    share = int(whole) * _PERCENT + int(f"{fraction or '':0<2}")
    if share > WHOLE:
        raise BadShareError(f"{text} is more than 100%")
    return share


def format_share(share: int) -> str:
    """Return *share* (hundredths of a percent) as a percentage."""
    whole, rest = divmod(share, _PERCENT)
    return f"{whole}.{rest:02}".rstrip("0") + "%" if rest else f"{whole}%"


def bucket_of(route: str, key: bytes) -> int:
    """
    Return where, from 0 to 9,999, *key* stands among the requests of *route*: always at the same place.

    A ramp gives the first places to its first model and the last places to its last one.
    """
    digest = blake2b(key, digest_size=8, key=route.encode()[:_MAX_SALT]).digest()
    return int.from_bytes(digest, "big") % WHOLE


def drawn_model(route: str, shares: Sequence[Share], key: bytes) -> str:
    """Return the model that *key* draws among *shares*, as the engine does; empty if they make no whole."""
    ends = tuple(accumulate(share.share for share in shares))
    place = bisect_right(ends, bucket_of(route, key))
    return shares[place].model if place < len(shares) else ""
