"""The metrics of the rendezvous, besides those that every service has."""

from typing import Final

from rendezvous_runtime.families import Family

ANSWERS: Final = Family(
    "counter",
    "rendezvous_answers",
    "Answers by their source, the tier that chose (0: none) and the model; several: a tier that combines.",
    ("route", "source", "tier", "model"),
)
ANSWER_SECONDS: Final = Family(
    "histogram",
    "rendezvous_answer_seconds",
    "From a request's arrival to its answer; each SLA of the route is the edge of a bucket.",
    ("route", "source"),
)
SLA_USED: Final = Family(
    "histogram",
    "rendezvous_sla_used_ratio",
    "Share of the route's SLA that an answer took; what is in the bucket 1.0 was in time.",
    ("route", "source"),
)
DECISIONS: Final = Family(
    "counter",
    "rendezvous_decisions",
    "Requests decided, by the route's revision; of the newest revisions that decided here.",
    ("route", "revision"),
)
BEHIND: Final = Family(
    "counter",
    "rendezvous_decisions_behind",
    "Requests decided under a revision that the control log had replaced.",
    ("route",),
)
INPUTS: Final = Family("counter", "rendezvous_inputs", "Inputs by what became of them.", ("outcome",))
SCORES: Final = Family(
    "counter", "rendezvous_scores", "Scores by model and by what became of them.", ("model", "outcome")
)
MISSING: Final = Family(
    "counter",
    "rendezvous_scores_missing",
    "Scores that had not come when their mailbox closed.",
    ("route", "model"),
)
OPEN: Final = Family("gauge", "rendezvous_mailboxes_open", "Questions in memory.")
REVISION: Final = Family(
    "gauge", "rendezvous_route_revision", "The newest revision of a route in the control log.", ("route",)
)
SLA: Final = Family("gauge", "rendezvous_route_sla_seconds", "The SLA of a route.", ("route",))
PAUSED: Final = Family("gauge", "rendezvous_route_paused", "1 while changes of a route are held.", ("route",))
SHARE: Final = Family(
    "gauge",
    "rendezvous_route_share_ratio",
    "The share of a route's requests that its first tier gives a model; 1 where it names one model.",
    ("route", "model"),
)
ROLLOUT_STEP: Final = Family(
    "gauge",
    "rendezvous_rollout_step",
    "The step of a route's newest roll-out; 0: as a shadow.",
    ("route", "model"),
)
ROLLOUT_STEPS: Final = Family(
    "gauge", "rendezvous_rollout_steps", "The steps that a route's newest roll-out has.", ("route", "model")
)
ROLLOUT: Final = Family(
    "gauge",
    "rendezvous_rollout_outcome",
    "1 for how far a route's newest roll-out is: running, done, failed or aborted.",
    ("route", "model", "outcome"),
)
