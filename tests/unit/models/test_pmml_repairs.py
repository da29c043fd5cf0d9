"""What is rewritten before the evaluator sees it, and what is refused."""

from xml.etree.ElementTree import Element

import pytest
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.pmml_document import Limits, read_document
from rendezvous_models.runtimes.pmml_expressions import OTHER, as_float
from rendezvous_models.runtimes.pmml_repairs import repair

from tests.support.pmml_models import xml


def _repaired(*content: str, fields: str = "") -> Element:
    dictionary = xml.numbers(["x", "y"]) + xml.category("c", ("a", "b")) + xml.field("f", kind="float")
    document = xml.document(dictionary + xml.field("i", kind="integer") + fields, *content)
    root = read_document(document.encode(), Limits())
    repair(root)
    return root


def _derived(expression: str, kind: str = "double") -> Element:
    root = _repaired(xml.tag("TransformationDictionary", xml.derived("d", expression, kind)))
    return next(root.iter("DerivedField"))[0]


def _tree(*nodes: str, **attributes: object) -> str:
    attributes.setdefault("functionName", "classification")
    return xml.tag("TreeModel", xml.schema(["x"], "c"), *nodes, **attributes)


def test_a_node_lists_every_class() -> None:
    leaf = xml.tag("Node", "<True/>", xml.tag("ScoreDistribution", value="b", recordCount=3))

    root = _repaired(_tree(leaf))

    counts = {each.get("value"): each.get("recordCount") for each in root.iter("ScoreDistribution")}
    assert counts == {"b": "3", "a": "0"}
    assert next(root.iter("Node")).get("score") == "b"


def test_a_node_s_probabilities_stand_for_counts_that_it_lacks() -> None:
    shares = [
        xml.tag("ScoreDistribution", value=each, probability=p) for each, p in (("a", 0.25), ("b", 0.75))
    ]

    root = _repaired(_tree(xml.tag("Node", "<True/>", *shares)))

    counts = {each.get("value"): each.get("recordCount") for each in root.iter("ScoreDistribution")}
    assert counts == {"a": "0.25", "b": "0.75"}
    assert next(root.iter("Node")).get("score") == "b"


def test_a_root_s_predicate_is_looked_at() -> None:
    root = _repaired(_tree(xml.tag("Node", xml.simple("x", "lessThan", 1.0), score="a")))

    outer = next(root.iter("Node"))
    assert [each.tag for each in outer] == ["True", "Node"]


def test_arrays_of_lines_become_arrays_of_one() -> None:
    predicate = xml.tag(
        "SimpleSetPredicate", '<Array type="real">\n 1\n\t2 \n</Array>', field="x", booleanOperator="isIn"
    )

    assert next(_repaired(_tree(xml.tag("Node", predicate, score="a"))).iter("Array")).text == "1 2"


@pytest.mark.parametrize(
    ("text", "kind"),
    [("1", "integer"), ("-2", "integer"), ("1.0", "double"), ("1e3", "double"), ("red", "string")],
)
def test_a_constant_has_the_type_that_it_looks_like(text: str, kind: str) -> None:
    assert _derived(xml.constant(text)).get("dataType") == kind


def test_numbers_are_compared_by_their_values_and_texts_as_texts() -> None:
    numbers = _derived(xml.apply("equal", xml.ref("x"), xml.constant("1")))
    texts = _derived(xml.apply("equal", xml.ref("c"), xml.constant("a")))

    assert [each.get("function") for each in numbers.iter("Apply")] == ["lessOrEqual", "abs", "-"]
    assert [each.get("function") for each in texts.iter("Apply")] == ["equal"]


def test_an_xor_is_spelled_out() -> None:
    xor = xml.tag(
        "CompoundPredicate",
        xml.simple("x", "lessThan", 1.0),
        xml.simple("y", "isMissing"),
        booleanOperator="xor",
    )

    root = _repaired(_tree(xml.tag("Node", "<True/>", xml.tag("Node", xor, score="a"))))

    operators = [each.get("booleanOperator") for each in root.iter("CompoundPredicate")]
    assert operators == ["or", "and", "and"]
    simple = [each.get("operator") for each in root.iter("SimplePredicate")]
    assert simple == ["lessThan", "isNotMissing", "greaterOrEqual", "isMissing"]


def test_a_float_is_compared_with_a_float() -> None:
    root = _repaired(_tree(xml.tag("Node", xml.simple("f", "lessThan", "0.3"), score="a")))

    assert float(next(root.iter("SimplePredicate")).get("value", "")) == as_float(0.3) != 0.3


def test_texts_that_are_let_in_as_they_are_get_a_value_of_their_own() -> None:
    schema = xml.schema(["c"], "x", c={"invalidValueTreatment": "asIs"})
    document = xml.document(
        xml.field("x") + xml.category("c", ("a", "b")),
        xml.tag("RegressionModel", schema, '<RegressionTable intercept="1"/>', functionName="regression"),
    )
    root = read_document(document.encode(), Limits())

    repaired = repair(root)

    assert repaired.texts == {"c": frozenset({"a", "b"})}
    assert [each.get("value") for each in root.iter("Value")] == ["a", "b", OTHER]


def _classifier(tag: str, *content: str, **attributes: object) -> str:
    return xml.tag(tag, xml.schema(["x"], "c"), *content, functionName="classification", **attributes)


def _segments(method: str, target: str = "c", *more: str) -> str:
    function = "classification" if target == "c" else "regression"
    inner = xml.tag(
        "TreeModel", xml.schema(["x"], target), '<Node score="1"><True/></Node>', functionName=function
    )
    segment = xml.tag("Segment", "<True/>", inner)
    segmentation = xml.tag("Segmentation", segment, multipleModelMethod=method)
    return xml.tag("MiningModel", xml.schema(["x"], target), *more, segmentation, functionName=function)


_TABLE = xml.tag("RegressionTable", intercept=1, targetCategory="a")
_DERIVE = "TransformationDictionary"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_segments("max"), "max of its segments"),
        (_segments("median"), "median of its segments"),
        (_segments("selectAll"), "selectAll"),
        (
            _segments("modelChain", "y", '<Targets><Target field="y" min="1"/></Targets>'),
            "Targets of a whole",
        ),
        (_tree(missingValueStrategy="weightedConfidence"), "weightedConfidence"),
        (_tree(missingValueStrategy="aggregateNodes"), "aggregateNodes"),
        (
            _tree(
                xml.tag("Node", "<True/>", xml.tag("Node", xml.simple("x", "isMissing")), score="a"),
                missingValueStrategy="nullPrediction",
                noTrueChildStrategy="returnLastPrediction",
            ),
            "several parts or isMissing",
        ),
        (_classifier("RegressionModel", _TABLE * 3, normalizationMethod="logit"), "3 classes and logit"),
        (_classifier("NearestNeighborModel"), "a NearestNeighborModel"),
        (_classifier("AnomalyDetectionModel"), "a AnomalyDetectionModel"),
        (_classifier("GeneralRegressionModel", modelType="CoxRegression"), "Cox"),
        (_classifier("ClusteringModel", modelClass="distributionBased"), "clusters by distribution"),
        (
            xml.tag("RegressionModel", functionName="regression", normalizationMethod="loglog"),
            "regression with loglog",
        ),
        (
            xml.tag(
                "AssociationModel", '<MiningSchema><MiningField name="x" usageType="group"/></MiningSchema>'
            ),
            "groups of records",
        ),
        (
            xml.tag(_DERIVE, xml.derived("d", xml.apply("dateDaysSinceYear", xml.ref("x")))),
            "dateDaysSinceYear",
        ),
        (
            xml.tag(_DERIVE, xml.derived("d", xml.apply("/", xml.ref("i"), xml.constant(4)))),
            "division of integers",
        ),
        (
            xml.tag(_DERIVE, xml.derived("d", xml.apply("concat", xml.ref("x")), "string")),
            "concat of numbers",
        ),
        (
            xml.tag(
                _DERIVE,
                xml.derived(
                    "d", xml.apply("isIn", xml.apply("abs", xml.ref("x")), "<Constant>1</Constant>" * 2)
                ),
            ),
            "isIn of a computed number",
        ),
        (xml.tag(_DERIVE, xml.derived("d", xml.constant("a&b"), "string")), "characters & < >"),
        (xml.tag(_DERIVE, xml.derived("d", "<TextIndex/>")), "a TextIndex"),
        (xml.tag(_DERIVE, xml.derived("d", xml.ref("x"), "dateTime")), "of type 'dateTime'"),
    ],
)
def test_what_would_be_scored_wrongly_is_refused(content: str, reason: str) -> None:
    with pytest.raises(BadModelError, match=reason):
        _repaired(content)


def test_an_ordinal_regression_is_refused() -> None:
    model = xml.tag(
        "RegressionModel",
        xml.schema(["x"], "o"),
        _TABLE * 2,
        functionName="classification",
        normalizationMethod="logit",
    )

    with pytest.raises(BadModelError, match="ordinal target"):
        _repaired(model, fields=xml.category("o", ("a", "b"), optype="ordinal"))


@pytest.mark.parametrize(
    "content",
    [
        _tree(xml.tag("Node", xml.simple("f", "lessThan", "much"), score="a")),
        _tree(xml.tag("Node", "<True/>", xml.tag("Node", '<CompoundPredicate booleanOperator="xor"/>'))),
        _segments("weightedMajorityVote").replace(
            "<Segment>", '<Segment weight="0"><True/></Segment><Segment>'
        ),
        xml.tag(_DERIVE, xml.derived("d", xml.apply("equal", xml.constant(1)))),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_or_left_alone(content: str) -> None:
    try:
        _repaired(content)
    except BadModelError as error:
        assert "makes no sense" in str(error)  # noqa: PT017 - either will do


def test_deep_expressions_take_no_time() -> None:
    deep = xml.ref("x")
    for _ in range(150):
        deep = xml.apply("equal", xml.apply("abs", deep), xml.constant(1))
    many = "".join(xml.derived(f"d{place}", deep) for place in range(20))

    try:
        root = _repaired(xml.tag(_DERIVE, many))
    except BadModelError as error:
        assert "makes no sense: RecursionError" in str(error)  # noqa: PT017 - either will do
    else:
        assert root is not None
