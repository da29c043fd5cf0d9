import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from rendezvous_contracts.policy_schema import POLICY_SCHEMA

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "policy.schema.json"


def test_the_schema_is_one_and_is_published_as_it_is() -> None:
    Draft202012Validator.check_schema(POLICY_SCHEMA)

    # `rendezvous schema > docs/policy.schema.json` makes it again.
    assert json.loads(PUBLISHED.read_text()) == POLICY_SCHEMA


HEAD = "{route: wine, sla: 50ms, default: {quality: 5.6}"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + ", schedule: [{use: {weighted: {a@1: 90}}}]}",
        HEAD + ", schedule: [{use: {median: [a@1], weighted: {a@1: 100%}}}]}",
        HEAD + ", schedule: [{use: nobody}]}",
        HEAD + ", shcedule: []}",
        "{route: wine, sla: 50, default: {}}",
        "{model: a@1, type: pmml}",
        "{deployment: a, replicas: -1}",
    ],
)
def test_an_editor_sees_what_is_wrong(text: str) -> None:
    assert not Draft202012Validator(POLICY_SCHEMA).is_valid(yaml.safe_load(text))
