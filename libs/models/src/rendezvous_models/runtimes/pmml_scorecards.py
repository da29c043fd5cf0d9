"""Repairs of scorecards, whose reason codes the evaluator ranks in another order."""

from typing import Final
from xml.etree.ElementTree import Element

from rendezvous_models.runtimes.pmml_markup import after_schema, make, models, target_of

# Added to every baseline, so that a difference of nothing counts. A power of two: sums with it are exact.
_NOTHING: Final = 2.0**-30


def rank_reason_codes(root: Element) -> None:
    """
    Reasons are ranked by the points that they cost, those that cost the same by their place in the document.

    A rank that no reason has stays empty. The evaluator ranks equals by the alphabet, repeats the last reason
    in the ranks that are left, and has no place for a reason that costs nothing. So the codes that it sees
    are numbers in the reverse of their order, and outputs that it does not count turn them back.
    """
    for model in models(root):
        if model.tag == "Scorecard":
            _rank(model)


def _rank(model: Element) -> None:
    output = model.find("Output")
    if output is None:
        # Without outputs the evaluator would show the codes.
        name = target_of(model) or "score"
        shown = make(
            "OutputField",
            name=f"predicted_{name}",
            feature="predictedValue",
            dataType="double",
            optype="continuous",
        )
        output = make("Output", shown)
        after_schema(model, output)
    codes = _recode(model)
    reasons = [each for each in output if each.get("feature") == "reasonCode"]
    for place, each in enumerate(reasons):
        internal = make(
            "OutputField", **{**each.attrib, "name": f"(reason {place})", "isFinalResult": "false"}
        )
        internal.attrib.setdefault("rank", "1")
        for key in ("rank", "rankBasis", "rankOrder"):
            each.attrib.pop(key, None)
        each.set("feature", "transformedValue")
        each[:] = [_decoded(f"(reason {place})", codes)]
        output.insert(list(output).index(each), internal)


def _recode(model: Element) -> dict[str, str]:
    """Give the reason codes of *model* numbers that fall as they appear; return the codes by those."""
    bearers = [
        each
        for characteristic in model.iterfind("Characteristics/Characteristic")
        for each in (*characteristic.iterfind("Attribute"), characteristic)
        if "reasonCode" in each.attrib
    ]
    order = list(dict.fromkeys(each.attrib["reasonCode"] for each in bearers))
    numbers = {code: f"{len(order) - place:06d}" for place, code in enumerate(order)}
    for each in bearers:
        each.set("reasonCode", numbers[each.attrib["reasonCode"]])
    above = model.get("reasonCodeAlgorithm") == "pointsAbove"
    for each in (model, *model.iterfind("Characteristics/Characteristic")):
        if "baselineScore" in each.attrib:
            baseline = float(each.attrib["baselineScore"])
            each.set("baselineScore", repr(baseline - _NOTHING if above else baseline + _NOTHING))
    return {number: code for code, number in numbers.items()}


def _decoded(field: str, codes: dict[str, str]) -> Element:
    rows = []
    for number, code in codes.items():
        coded, shown = make("coded"), make("shown")
        coded.text, shown.text = number, code
        rows.append(make("row", coded, shown))
    pair = make("FieldColumnPair", field=field, column="coded")
    return make("MapValues", pair, make("InlineTable", *rows), outputColumn="shown", dataType="string")
