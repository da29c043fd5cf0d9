"""What an alert is."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

# Where the pages of docs/runbooks are published: the one place that says so. The chart can replace it.
RUNBOOKS: Final = "https://rendezvous.example.org/docs/runbooks"


@dataclass(frozen=True)
class Record:
    """A recording rule: *name* is level:metric:operation, as Prometheus's conventions have it."""

    name: str
    expression: str

    def rule(self) -> dict[str, Any]:
        """Return it as Prometheus reads it."""
        return {"record": self.name, "expr": self.expression}


@dataclass(frozen=True)
class Alert:
    """
    An alert: *page* wakes somebody, *ticket* waits for the morning.

    *summary* says what is wrong and where, with the labels as Prometheus's templates have them; *description*
    what follows from it.
    """

    name: str
    severity: Literal["page", "ticket"]
    expression: str
    lasts: str
    summary: str
    description: str
    labels: dict[str, str] = field(default_factory=dict)

    def rule(self) -> dict[str, Any]:
        """Return it as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": self.lasts,
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.name}.html",
            },
        }


@dataclass(frozen=True)
class Group:
    """Rules that are evaluated one after another."""

    name: str
    rules: tuple[Record | Alert, ...]

    def group(self) -> dict[str, Any]:
        """Return it as Prometheus reads it."""
        return {"name": self.name, "rules": [rule.rule() for rule in self.rules]}
