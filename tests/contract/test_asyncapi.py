"""The description of the topics is that of the code."""

from itertools import pairwise

import yaml
from rendezvous_contracts.channels import CHANNELS, DEAD_LETTER_HEADERS, TRACE_HEADERS
from rendezvous_contracts.topics import TOPICS
from rendezvous_runtime import dead_letters
from rendezvous_runtime.tracing import spans

from tools.generate_asyncapi import DOCUMENT, document, name_of, proto_text, written


def test_the_document_is_fresh() -> None:
    assert DOCUMENT.read_text() == written(), "run tools/generate_asyncapi.py and commit the result"
    assert yaml.safe_load(written()) == document()


def test_every_topic_is_described_and_nothing_else() -> None:
    assert [channel.topic for channel in CHANNELS] == list(
        dict.fromkeys(channel.topic for channel in CHANNELS)
    )
    assert {channel.topic for channel in CHANNELS} == {spec.name for spec in TOPICS}


def test_the_headers_are_those_that_the_services_write() -> None:
    assert set(DEAD_LETTER_HEADERS) == set(dead_letters._OWN)
    assert set(TRACE_HEADERS) == {spans.TRACEPARENT}


def test_every_reference_leads_somewhere() -> None:
    whole = document()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [str(node["$ref"])] if "$ref" in node else []
            return own + [found for each in node.values() for found in references(each)]
        return []

    for reference in references(whole):
        node: object = whole
        for part in reference.removeprefix("#/").split("/"):
            assert isinstance(node, dict)
            node = node[part]


def test_a_payload_is_whole_and_has_its_message() -> None:
    for channel in CHANNELS:
        if channel.message is None:
            continue
        text = proto_text(channel.message.DESCRIPTOR.file.name)
        assert f"message {name_of(channel)} {{" in text
        assert "import" not in text
        declared = [line for line in text.splitlines() if line.startswith(("message ", "enum "))]
        assert all(one != other for one, other in pairwise(sorted(declared)))
        for field in channel.message.DESCRIPTOR.fields:
            assert f" {field.name} = {field.number};" in text
