"""How routes have decided, as the rendezvous tells it: as rows. Pure."""

from scoring.v1.status_pb2 import ModelUse, TierStatus

from rendezvous_cli.moments import format_time

Row = dict[str, object]


def tier_row(tier: TierStatus) -> Row:
    """Return how a tier has answered; durations in microseconds, from a request's arrival to its answer."""
    return {
        "tier": tier.tier,
        "rule": tier.rule,
        "since": format_time(tier.since_us),
        "answers": tier.count,
        "duration_us": tier.duration_us,
        "min_us": tier.min_us,
        "max_us": tier.max_us,
    }


def model_use_row(use: ModelUse) -> Row:
    """Return what became of the scores of a model."""
    return {"in_time": use.in_time, "late": use.late, "missing": use.missing, "chosen": use.chosen}
