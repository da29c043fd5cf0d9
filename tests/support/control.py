"""Control messages that are right, for tests to send or to spoil."""

from hashlib import sha256

from rendezvous_contracts.changes import Change, put_change
from rendezvous_contracts.values import to_fields
from scoring.v1.control_pb2 import AddModel, Artifact, Control, Model, Route, SetRoute, Tier


def model(
    name: str = "wine-forest", version: str = "1", data: bytes = b"<PMML/>", quality: float = 0.5
) -> Model:
    artifact = Artifact(data=data, sha256=sha256(data).digest(), size=len(data))
    return Model(name=name, version=version, type="pmml", artifact=artifact, quality=quality)


def route(
    *models: str, name: str = "wine", sla_us: int = 50_000, canary: str = "", quality: float = 5.6
) -> Route:
    """A route whose tiers use *models*, 10 ms apart."""
    schedule = [Tier(after_us=place * 10_000, model=used) for place, used in enumerate(models)]
    return Route(
        name=name, sla_us=sla_us, schedule=schedule, default=to_fields({"quality": quality}), canary=canary
    )


def control(control_id: str, change: Model | Route, *, expected: int | None = None) -> Control:
    """The message that adds a model or sets a route."""
    wanted = AddModel(model=change) if isinstance(change, Model) else SetRoute(route=change)
    return asked(control_id, wanted, expected=expected)


def asked(control_id: str, change: Change, *, author: str = "ada", expected: int | None = None) -> Control:
    """The message by which *author* asks for *change*."""
    message = Control(id=control_id, author=author, at_us=1, reason="a test", expected_revision=expected)
    put_change(message, change)
    return message
