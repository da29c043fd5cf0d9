"""What is refused before any JVM sees it."""

import re

import pytest
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.pmml_document import Limits, read_document

from tests.support import pmml

LIMITS = Limits()
GOOD = pmml.regression({"a": 1.0})


def _with(inserted: str) -> str:
    return GOOD.decode().replace("?>", f"?>{inserted}", 1)


def test_a_document_is_read_into_elements_without_namespaces() -> None:
    root = read_document(GOOD, LIMITS)

    assert (root.tag, root.get("version")) == ("PMML", "4.4")
    assert [each.tag for each in root] == ["Header", "DataDictionary", "RegressionModel"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "iso-8859-1"])
def test_a_document_is_read_in_the_encoding_that_it_declares(encoding: str) -> None:
    document = pmml.regression({"säure": 1.0}).decode().replace("UTF-8", encoding.removesuffix("-sig"))

    root = read_document(document.encode(encoding), LIMITS)

    assert [each.get("name") for each in root.iter("DataField")] == ["säure", "quality"]


def test_what_says_nothing_about_scores_is_left_out() -> None:
    noise = '<Extension name="x"><ModelStats>1</ModelStats></Extension><!-- <!DOCTYPE x> --><?x y?>'
    document = GOOD.decode().replace("<MiningSchema>", f"{noise}<MiningSchema>", 1)
    vendors = document.replace("<RegressionModel ", '<RegressionModel xmlns:v="urn:v" v:x="y" ')

    root, plain = read_document(vendors.encode(), LIMITS), read_document(GOOD, LIMITS)

    assert [each.tag for each in root.iter()] == [each.tag for each in plain.iter()]
    assert [each.attrib for each in root.iter()] == [each.attrib for each in plain.iter()]


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE PMML SYSTEM "http://127.0.0.1:1/x">',
        '<!DOCTYPE PMML PUBLIC "x" "file:///etc/passwd">',
        '<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE PMML [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE PMML [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]>',
        "<!DOCTYPE PMML>",
        "\n<!-- first --> <!DOCTYPE\nPMML>",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
def test_a_doctype_is_refused_wherever_it_stands_in_whatever_encoding(doctype: str, encoding: str) -> None:
    declared = "utf-16" if encoding.startswith("utf-16") else encoding
    document = _with(doctype).replace("UTF-8", declared)

    with pytest.raises(BadModelError, match=r"DOCTYPE|not an XML document"):
        read_document(document.encode(encoding), LIMITS)


@pytest.mark.parametrize("encoding", ["utf-7", "utf-32", "cp037", "utf-16"])
def test_a_doctype_does_not_hide_behind_an_encoding(encoding: str) -> None:
    for declared in ("UTF-8", encoding):
        document = _with("<!DOCTYPE PMML [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>").replace(
            "UTF-8", declared
        )

        with pytest.raises(BadModelError, match=r"DOCTYPE|encoded in|not an XML document"):
            read_document(document.encode(encoding), LIMITS)


def test_a_billion_laughs_are_refused_at_the_first() -> None:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    document = _with(f'<!DOCTYPE PMML [<!ENTITY l0 "ha">{entities}]>').replace(
        "<Header/>", "<Header>&l9;</Header>"
    )

    with pytest.raises(BadModelError, match="DOCTYPE"):
        read_document(document.encode(), LIMITS)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "not an XML document"),
        (b"\0\0\0\0", "not an XML document"),
        (b"hello", "not an XML document"),
        (b"PK\x03\x04", "not an XML document"),
        (GOOD[: len(GOOD) // 2], "not an XML document"),
        (GOOD[:-20], "not an XML document"),
        (GOOD + b"<more/>", "not an XML document"),
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


@pytest.mark.parametrize("outer", ["", "<Extension>"])
def test_a_document_that_is_nested_too_deep_is_refused(outer: str) -> None:
    deep = f"<PMML>{outer}".encode() + b"<a>" * 100_000

    with pytest.raises(BadModelError, match="nested more than 400 deep"):
        read_document(deep, LIMITS)


def test_a_document_with_too_many_elements_is_refused() -> None:
    with pytest.raises(BadModelError, match=re.escape("more than 1000 elements")):
        read_document(b"<PMML>" + b"<a/>" * 1_001 + b"</PMML>", Limits(max_elements=1_000))
