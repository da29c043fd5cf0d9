"""What is refused before any JVM sees it."""

import pytest
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.pmml_document import Limits, read_document

from tests.support import pmml

LIMITS = Limits()
GOOD = pmml.regression({"a": 1.0})


def test_a_good_document_passes_as_it_is() -> None:
    assert read_document(GOOD, LIMITS).text.encode() == GOOD


def test_a_byte_order_mark_is_taken_off() -> None:
    assert read_document(b"\xef\xbb\xbf" + GOOD, LIMITS).text.encode() == GOOD


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE PMML SYSTEM "http://127.0.0.1:1/x">',
        '<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE PMML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
        "<!DOCTYPE PMML>",
        "<!-- <!DOCTYPE x> -->",
    ],
)
def test_a_doctype_is_refused_wherever_it_stands(head: str) -> None:
    document = GOOD.decode().replace("?>", f"?>{head}", 1).encode()

    with pytest.raises(BadModelError, match="DOCTYPE"):
        read_document(document, LIMITS)


def test_a_doctype_in_another_encoding_is_refused_too() -> None:
    document = GOOD.decode().replace('encoding="UTF-8"?>', 'encoding="UTF-16"?><!DOCTYPE PMML>')

    with pytest.raises(BadModelError, match=r"DOCTYPE|UTF-8"):
        read_document(document.encode("utf-16"), LIMITS)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not an XML document"),
        (b"hello", "not an XML document"),
        (GOOD[:-20], "not an XML document"),
        (b"<html></html>", "root is <html>"),
        (b'<PMML version="4.4">\xff</PMML>', "not an XML document"),
        (GOOD.replace(b"UTF-8", b"EBCDIC-1"), "not an XML document|encoded in"),
        (GOOD.replace(b"UTF-8", b"windows-1252"), "encoded in 'windows-1252'"),
        (b"<PMML>&undefined;</PMML>", "not an XML document"),
    ],
)
def test_what_is_no_document_is_refused_with_the_reason(document: bytes, reason: str) -> None:
    with pytest.raises(BadModelError, match=reason):
        read_document(document, LIMITS)


def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(BadModelError, match=f"{len(GOOD)} bytes; allowed are 100"):
        read_document(GOOD, Limits(max_bytes=100))


def test_a_document_that_is_nested_too_deep_is_refused() -> None:
    deep = b"<PMML>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</PMML>"

    with pytest.raises(BadModelError, match="nested more than 400 deep"):
        read_document(deep, LIMITS)


def test_a_document_with_too_many_elements_is_refused() -> None:
    with pytest.raises(BadModelError, match="more than 1000 elements"):
        read_document(b"<PMML>" + b"<a/>" * 1_001 + b"</PMML>", Limits(max_elements=1_000))


def _field(inner: str, mining: str = "") -> str:
    fields = f'<DataField name="x" optype="continuous" dataType="double">{inner}</DataField>'
    return pmml.typed_regression(fields, f'<MiningField name="x" {mining}/>', "").decode()


@pytest.mark.parametrize(
    ("inner", "low", "high"),
    [
        ('<Interval closure="closedClosed" leftMargin="1" rightMargin="2"/>', 1.0, 2.0),
        ('<Interval closure="openOpen" leftMargin="1" rightMargin="2"/>', 1.0, 2.0),
        ('<Interval closure="closedOpen" leftMargin="1"/>', 1.0, None),
        (
            (
                '<Interval closure="closedClosed" leftMargin="1" rightMargin="2"/>'
                '<Interval closure="closedClosed" leftMargin="5" rightMargin="9"/>'
            ),
            1.0,
            9.0,
        ),
        (
            (
                '<Interval closure="closedClosed" leftMargin="1" rightMargin="2"/>'
                '<Interval closure="closedOpen" leftMargin="5"/>'
            ),
            1.0,
            None,
        ),
    ],
)
def test_intervals_become_the_range_that_encloses_them(
    inner: str, low: float | None, high: float | None
) -> None:
    field = read_document(_field(inner).encode(), LIMITS).fields["x"]

    assert (field.minimum if field.HasField("minimum") else None) == low
    assert (field.maximum if field.HasField("maximum") else None) == high


def test_an_interval_to_no_number_is_refused() -> None:
    with pytest.raises(BadModelError, match="interval to 'x'"):
        read_document(_field('<Interval closure="closedOpen" leftMargin="x"/>').encode(), LIMITS)


def test_a_tree_that_has_a_way_for_missing_values_makes_its_inputs_optional() -> None:
    document = pmml.two_class_tree("a", 1.0)
    tolerant = document.replace(b"<TreeModel ", b'<TreeModel missingValueStrategy="defaultChild" ')

    assert not read_document(document, LIMITS).fields["a"].optional
    assert read_document(tolerant, LIMITS).fields["a"].optional
