"""Places in the control log as people name them: an offset, a time, or so long ago."""

import time
from datetime import UTC, datetime

from rendezvous_client.log import Bound
from rendezvous_contracts.durations import parse_duration
from rendezvous_contracts.errors import BadDurationError

from rendezvous_cli.errors import UsageError


def read_moment(text: str, option: str, now_us: int | None = None) -> Bound:
    """
    Return the place that *text* names: an offset, a time in ISO 8601 (UTC unless it says so), or so long ago.

    Raises UsageError that names *option*. *now_us*: microseconds since the epoch.
    """
    if text.isascii() and text.isdigit():
        return Bound(offset=int(text))
    now_us = time.time_ns() // 1000 if now_us is None else now_us
    try:
        return Bound(at_us=now_us - parse_duration(text))
    except BadDurationError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text!r}: name an offset like 120, a time like 2026-01-31T12:00:00Z, or so long ago, "
            "like 15m"
        ) from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Bound(at_us=round(zoned.timestamp() * 1_000_000))


def format_time(microseconds: int) -> str:
    """Return a stamp (microseconds since the epoch) in ISO 8601, in UTC."""
    try:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        # The author's clock is not ours to judge.
        return f"{microseconds} us"
