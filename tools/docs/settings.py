"""The settings of every service, of their classes."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from rendezvous_canary.settings import CanarySettings
from rendezvous_decoy.settings import DecoySettings
from rendezvous_feature_extractor.settings import ExtractorSettings
from rendezvous_gateway.settings import GatewaySettings
from rendezvous_local.settings import LocalSettings
from rendezvous_model_container.settings import ContainerSettings
from rendezvous_models.settings import ScoringSettings
from rendezvous_operator.settings import OperatorSettings
from rendezvous_runtime.settings import KafkaSettings, ServiceSettings
from rendezvous_service.settings import RendezvousSettings

from tools.docs.tables import code, page, table

_COMMON: tuple[tuple[str, str, type[BaseSettings], type[BaseSettings]], ...] = (
    ("The broker", "Every service.", KafkaSettings, BaseSettings),
    ("Every service", "Beside those of the broker.", ServiceSettings, KafkaSettings),
    ("Whatever scores", "Model containers and the canary.", ScoringSettings, ServiceSettings),
)
_OWN: tuple[tuple[str, type[BaseSettings], type[BaseSettings]], ...] = (
    ("gateway", GatewaySettings, ServiceSettings),
    ("feature-extractor", ExtractorSettings, ServiceSettings),
    ("model-container", ContainerSettings, ScoringSettings),
    ("canary", CanarySettings, ScoringSettings),
    ("rendezvous", RendezvousSettings, ServiceSettings),
    ("decoy", DecoySettings, ServiceSettings),
    ("operator", OperatorSettings, ServiceSettings),
)


def settings_page() -> str:
    """Return the page."""
    lines = [
        "Settings are environment variables. They are read once, at the start; one that cannot be ends the",
        "process with exit code 2 and says why. An empty one counts as not set.",
        "",
    ]
    for title, note, kind, base in _COMMON:
        lines += [f"## {title}", "", note, *_table(kind, base)]
    for title, kind, base in _OWN:
        lines += [f"## {title}", *_table(kind, base)]
    lines += ["## The local stack", "", "What `rendezvous up` is told.", *_table(LocalSettings, BaseSettings)]
    return page("Settings", "the settings classes", lines)


def _table(kind: type[BaseSettings], base: type[BaseSettings]) -> list[str]:
    rows = list(_rows(kind, base))
    return table(("Variable", "Default", "Values", "Meaning"), rows) if rows else ["", "None of its own.", ""]


def _rows(kind: type[BaseSettings], base: type[BaseSettings]) -> Iterator[tuple[str, str, str, str]]:
    prefix = str(kind.model_config["env_prefix"])
    for name, info in kind.model_fields.items():
        before = base.model_fields.get(name)
        if before is None or before.default != info.default:
            yield code(f"{prefix}{name}".upper()), _default(info), _values(info), info.description or ""


def _default(info: FieldInfo) -> str:
    value: Any = info.default
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ((), ""):
        return ""
    if isinstance(value, tuple | frozenset | set):
        return code(",".join(map(str, value)))
    return code(str(value).lower() if isinstance(value, bool) else value)


def _values(info: FieldInfo) -> str:
    kind = str(info.annotation)
    literal = re.search(r"Literal\[(.*?)\]", kind)
    if literal:
        return ", ".join(code(each.strip(" '")) for each in literal[1].split(","))
    limits = []
    for rule in info.metadata:
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<")):
            if getattr(rule, name, None) is not None:
                limits.append(f"{sign} {getattr(rule, name):,}")
        if getattr(rule, "pattern", None):
            limits.append(code(rule.pattern))
    return ", ".join(limits)
