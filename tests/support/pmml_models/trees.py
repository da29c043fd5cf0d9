"""Trees, alone and in ensembles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import fromstring, tostring

from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier

from examples.wine import pmml as wine_pmml
from examples.wine.pmml import largest_double
from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, Training, gaps, rows, training

CLASSES = ("plain", "good", "very good")
_MISSING = ("lastPrediction", "nullPrediction", "defaultChild", "none")
# As Spark's exporter writes trees.
_LEAN: Mapping[str, str] = {
    "missingValueStrategy": "nullPrediction",
    "noTrueChildStrategy": "returnLastPrediction",
}


def _cut(name: str, threshold: float, operator: str) -> str:
    return xml.simple(name, operator, largest_double(threshold))


def node(
    tree: Any,
    names: Sequence[str],
    classes: Sequence[str],
    place: int = 0,
    predicate: str = "",
    *,
    lean: bool = False,
) -> str:
    """
    Return a fitted tree's node: it lists the classes of its samples, the most frequent first.

    *lean*: without a leaf that comes last, so that the node above predicts where that would.
    """
    left, right = int(tree.children_left[place]), int(tree.children_right[place])
    shares = tree.value[place][0]
    count = float(tree.weighted_n_node_samples[place])
    name = names[tree.feature[place]] if left >= 0 else ""
    inside = predicate or xml.tag("True")
    score: object
    if classes:
        order = sorted(range(len(classes)), key=lambda each: -shares[each])
        score = classes[order[0]]
        inside += "".join(
            xml.tag("ScoreDistribution", value=classes[each], recordCount=round(shares[each] * count))
            for each in order
            if shares[each] > 0
        )
    else:
        score = float(shares[0])
    if left >= 0:
        cut = float(tree.threshold[place])
        inside += node(tree, names, classes, left, _cut(name, cut, "lessOrEqual"), lean=lean)
        if not lean or tree.children_left[right] >= 0:
            inside += node(tree, names, classes, right, _cut(name, cut, "greaterThan"), lean=lean)
    larger = left if tree.n_node_samples[left] > tree.n_node_samples[right] else right
    return xml.tag(
        "Node", inside, id=place, score=score, recordCount=count, defaultChild=larger if left >= 0 else None
    )


def tree_model(
    tree: Any,
    data: Training,
    classes: Sequence[str],
    output: str = "",
    *,
    lean: bool = False,
    **attributes: object,
) -> str:
    """Return a TreeModel of a fitted tree."""
    target = "grade" if classes else "quality"
    function = "classification" if classes else "regression"
    return xml.tag(
        "TreeModel",
        xml.schema(data.names, target),
        xml.outputs(output) if output else "",
        node(tree, data.names, classes, lean=lean),
        functionName=function,
        **attributes,
    )


def dictionary(data: Training) -> str:
    """Return the inputs and both targets."""
    return xml.numbers((*data.names, "quality")) + xml.category("grade", CLASSES)


def ensemble(method: str, models: Sequence[str], target: str, output: str, **attributes: object) -> str:
    """Return a MiningModel of *models*; a model that is a pair has a weight."""
    segments = "".join(
        xml.tag("Segment", "<True/>", model, id=place + 1, weight=1.0 + place % 3)
        for place, model in enumerate(models)
    )
    function = "classification" if target == "grade" else "regression"
    return xml.tag(
        "MiningModel",
        xml.schema(training().names, target),
        xml.outputs(output),
        xml.tag("Segmentation", segments, multipleModelMethod=method, **attributes),
        functionName=function,
    )


def single() -> Iterator[Case]:
    """Yield trees of every version and strategy."""
    data = training()
    fitted = DecisionTreeClassifier(max_depth=6, random_state=1).fit(data.x, data.grade)
    classes = [str(label) for label in fitted.classes_]
    shown = xml.probabilities(CLASSES) + xml.output("node", "entityId", kind="string")
    for version in ("3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "4.3", "4.4"):
        output = xml.probabilities(CLASSES)
        tree = tree_model(fitted.tree_, data, classes, output)
        yield Case(f"tree {version}", xml.document(dictionary(data), tree, version=version), rows()[:200])
    for strategy in _MISSING:
        for last in ("returnNullPrediction", "returnLastPrediction"):
            tree = tree_model(
                fitted.tree_,
                data,
                classes,
                shown,
                missingValueStrategy=strategy,
                noTrueChildStrategy=last,
            )
            yield Case(f"tree {strategy} {last}", xml.document(dictionary(data), tree), gaps(rows(), 0.05))
    lean = tree_model(fitted.tree_, data, classes, shown, lean=True, **_LEAN)
    yield Case("lean tree", xml.document(dictionary(data), lean), gaps(rows(), 0.05))
    yield Case("flat tree", xml.document(dictionary(data), flat_tree()), gaps(rows(), 0.2))
    sure = _without_counts(tree_model(fitted.tree_, data, classes, xml.probabilities(CLASSES)))
    yield Case("tree of probabilities", xml.document(dictionary(data), sure), rows())


def _without_counts(tree: str) -> str:
    """Return *tree* with probabilities instead of counts, as exporters of probability trees write it."""
    root = fromstring(tree)  # noqa: S314 - written above
    for each in root.iter("Node"):
        listed = each.findall("ScoreDistribution")
        counts = [float(share.attrib.pop("recordCount")) for share in listed]
        for share, count in zip(listed, counts, strict=True):
            share.set("probability", repr(count / sum(counts)))
    return tostring(root, encoding="unicode")


def flat_tree() -> str:
    """Return a tree with children that look at one field after another, the last of some at none."""

    def leaf(score: float, predicate: str) -> str:
        return xml.tag("Node", predicate, score=score)

    inner = xml.tag(
        "Node",
        xml.simple("alcohol", "lessOrEqual", 11.0),
        leaf(1.0, xml.simple("pH", "lessOrEqual", 3.2)),
        leaf(2.0, xml.simple("pH", "greaterThan", 3.5)),
        leaf(3.0, xml.simple("density", "lessOrEqual", 0.9966)),
        leaf(4.0, xml.simple("sulphates", "lessOrEqual", 0.6)),
        score=5.0,
    )
    root = xml.tag(
        "Node",
        "<True/>",
        leaf(6.0, xml.simple("chlorides", "greaterThan", 0.1)),
        inner,
        leaf(7.0, xml.simple("density", "lessOrEqual", 0.995)),
        leaf(8.0, "<True/>"),
        score=9.0,
    )
    schema, output = xml.schema(training().names, "quality"), xml.outputs(xml.predicted())
    return xml.tag("TreeModel", schema, output, root, functionName="regression", **_LEAN)


def ensembles() -> Iterator[Case]:
    """Yield forests, by every method."""
    data = training()
    forest = RandomForestClassifier(12, max_depth=6, random_state=1).fit(data.x, data.grade)
    classes = [str(label) for label in forest.classes_]
    trees = [tree_model(each.tree_, data, classes) for each in forest.estimators_]
    shown = xml.probabilities(CLASSES)
    methods = ("average", "weightedAverage", "majorityVote", "weightedMajorityVote")
    for method in methods:
        model = ensemble(method, trees, "grade", shown)
        yield Case(f"forest classifier {method}", xml.document(dictionary(data), model), rows())
    output = xml.outputs(xml.probabilities(reversed(CLASSES)))
    own = [
        each.replace("</MiningSchema>", f"</MiningSchema>{output}") if place % 2 else each
        for place, each in enumerate(trees)
    ]
    model = ensemble("average", own, "grade", shown)
    yield Case("forest classifier with outputs", xml.document(dictionary(data), model), rows())
    regressor = RandomForestRegressor(12, max_depth=6, random_state=1).fit(data.x, data.y)
    trees = [tree_model(each.tree_, data, ()) for each in regressor.estimators_]
    for method in ("average", "weightedAverage", "sum", "median", "weightedSum", "weightedMedian"):
        model = ensemble(method, trees, "quality", xml.predicted())
        yield Case(f"forest regressor {method}", xml.document(dictionary(data), model), rows())
    trees = [tree_model(each.tree_, data, (), lean=True, **_LEAN) for each in regressor.estimators_]
    model = ensemble("average", trees, "quality", xml.predicted())
    yield Case("lean forest", xml.document(dictionary(data), model), gaps(rows(), 0.01))
    document = wine_pmml.forest(regressor, data.names, "quality")
    yield Case("forest of the wine example", document, rows())


def boosted() -> Iterator[Case]:
    """Yield boosted trees."""
    data = training()
    fitted = GradientBoostingRegressor(n_estimators=12, random_state=1).fit(data.x, data.y)
    trees = [tree_model(each.tree_, data, ()) for each in fitted.estimators_[:, 0]]
    segments = "".join(xml.tag("Segment", "<True/>", tree, id=place) for place, tree in enumerate(trees))
    rescaled = xml.tag(
        "Targets",
        xml.tag(
            "Target",
            field="quality",
            rescaleFactor=fitted.learning_rate,
            rescaleConstant=float(fitted.init_.constant_[0][0]),
        ),
    )
    model = xml.tag(
        "MiningModel",
        xml.schema(data.names, "quality"),
        xml.outputs(xml.predicted()),
        rescaled,
        xml.tag("Segmentation", segments, multipleModelMethod="sum"),
        functionName="regression",
    )
    yield Case("boosted regressor", xml.document(dictionary(data), model), rows())
    yield boosted_classifier(data)


def boosted_classifier(data: Training) -> Case:
    """Return boosted trees for three classes: a sum of trees for each, then a softmax over the sums."""
    fitted = GradientBoostingClassifier(n_estimators=8, random_state=1).fit(data.x, data.grade)
    chain = ""
    for place, label in enumerate(fitted.classes_):
        trees = [tree_model(each.tree_, data, ()) for each in fitted.estimators_[:, place]]
        inner = "".join(
            xml.tag("Segment", "<True/>", tree.replace(' usageType="target"', ' usageType="supplementary"'))
            for tree in trees
        )
        summed = xml.tag(
            "MiningModel",
            xml.schema(data.names),
            xml.outputs(xml.output(f"f({label})", "predictedValue", isFinalResult="false")),
            xml.tag("Targets", xml.tag("Target", rescaleFactor=0.1, rescaleConstant=-0.3)),
            xml.tag("Segmentation", inner, multipleModelMethod="sum"),
            functionName="regression",
        )
        chain += xml.tag("Segment", "<True/>", summed, id=place)
    tables = "".join(
        xml.tag(
            "RegressionTable",
            xml.tag("NumericPredictor", name=f"f({label})", coefficient=1.0),
            targetCategory=label,
            intercept=0.0,
        )
        for label in fitted.classes_
    )
    last = xml.tag(
        "RegressionModel",
        xml.schema([f"f({label})" for label in fitted.classes_], "grade"),
        xml.outputs(xml.probabilities(CLASSES)),
        tables,
        functionName="classification",
        normalizationMethod="softmax",
    )
    chain += xml.tag("Segment", "<True/>", last, id="last")
    model = xml.tag(
        "MiningModel",
        xml.schema(data.names, "grade"),
        xml.tag("Segmentation", chain, multipleModelMethod="modelChain"),
        functionName="classification",
    )
    return Case("boosted classifier", xml.document(dictionary(data), model), rows())
