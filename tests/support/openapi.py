"""The description of the services' web servers, and whether what one answers fits it."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from jsonschema import Draft202012Validator

_DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "openapi-services.yaml"


@cache
def services_openapi() -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = yaml.safe_load(_DOCUMENT.read_text())
    return document


def check_answer(path: str, status: int, answer: object) -> None:
    """Raise unless *answer*, with *status* at the described *path*, is as it is described."""
    content = services_openapi()["paths"][path]["get"]["responses"][str(status)]["content"]
    schema = content["application/json"]["schema"] | {"components": services_openapi()["components"]}
    Draft202012Validator(schema).validate(answer)
