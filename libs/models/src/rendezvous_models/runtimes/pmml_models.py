"""
Repairs of models, type by type.

Each function changes the parsed document so that the evaluator computes what the specification demands; its
docstring says what that is, and what the evaluator does otherwise.
"""

from collections.abc import Sequence
from copy import deepcopy
from itertools import takewhile
from typing import Final
from xml.etree.ElementTree import Element

from rendezvous_models.runtimes.pmml_markup import (
    classes_of,
    is_classifier,
    make,
    models,
    place_before,
    predicate_of,
    target_of,
    unsupported,
)

_SIMPLE: Final = frozenset({"SimplePredicate", "SimpleSetPredicate"})
_ABOUT_MISSING: Final = frozenset({"isMissing", "isNotMissing"})


def declare_classes(root: Element) -> None:
    """A target may leave its classes to the model; the evaluator then has none, or wrong ones."""
    for model in models(root):
        target = target_of(model)
        for each in root.iterfind("DataDictionary/DataField"):
            undeclared = each.get("name") == target and each.find("Value") is None
            if undeclared and is_classifier(model):
                each.extend(make("Value", value=value) for value in classes_of(root, model))


def complete_target_values(root: Element) -> None:
    """A Target need not list all classes; the evaluator knows only those that it lists."""
    for model in models(root):
        if not is_classifier(model):
            continue
        for target in model.iterfind("Targets/Target"):
            listed = {each.get("value") for each in target.iterfind("TargetValue")}
            missing = [each for each in classes_of(root, model) if each not in listed]
            target.extend(make("TargetValue", value=each) for each in missing)


def complete_distributions(root: Element) -> None:
    """
    A class that a node does not list has the probability 0, and a node without score predicts its likeliest.

    To the evaluator such a class has none (NaN), and such a node predicts nothing.
    """
    for model in root.iter("TreeModel"):
        if not is_classifier(model):
            continue
        classes = classes_of(root, model)
        for node in model.iter("Node"):
            listed = {each.get("value"): each for each in node.iterfind("ScoreDistribution")}
            if not listed:
                continue
            if "score" not in node.attrib:
                likeliest = max(listed.values(), key=lambda each: float(each.get("recordCount", "0")))
                node.set("score", likeliest.get("value", ""))
            sure = any("probability" in each.attrib for each in listed.values())
            missing = [
                make("ScoreDistribution", value=each, recordCount="0", probability="0" if sure else None)
                for each in classes
                if each not in listed
            ]
            node.extend(missing)


def give_last_predictions_a_node(root: Element) -> None:
    """
    A node predicts itself if none of its children is true, and with nullPrediction nothing if one is unknown.

    The evaluator does not know both at once, and passes over an unknown child. So what comes after children
    that look at a field goes into one more, which is true if that field is there. The last of them says what
    the node says.
    """
    for model in root.iter("TreeModel"):
        asked = model.get("missingValueStrategy"), model.get("noTrueChildStrategy")
        if asked != ("nullPrediction", "returnLastPrediction"):
            continue
        del model.attrib["noTrueChildStrategy"]
        for node in list(model.iter("Node")):
            children = node.findall("Node")
            if children:
                node[:] = [each for each in node if each.tag != "Node"] + _one_by_one(node, children)


def _one_by_one(node: Element, children: Sequence[Element]) -> list[Element]:
    """Return *children*, of which the first that is unknown is the last that is looked at."""
    if _is_true(children[0]):
        return [children[0]]
    field = _field_of(children[0])
    same = list(takewhile(lambda child: _field_of(child) == field, children))
    there = make("SimplePredicate", field=field, operator="isNotMissing")
    known = {name: node.get(name) for name in ("id", "score", "recordCount")}
    rest = make("Node", there, *map(deepcopy, node.findall("ScoreDistribution")), **known)
    if len(same) < len(children):
        rest.extend(_one_by_one(node, children[len(same) :]))
    return [*same, rest]


def _is_true(node: Element) -> bool:
    predicate = predicate_of(node)
    return predicate is not None and predicate.tag == "True"


def _field_of(node: Element) -> str:
    """Return the field without which the predicate of *node* is unknown; empty if it is always true."""
    predicate = predicate_of(node)
    if predicate is None or predicate.tag not in _SIMPLE or predicate.get("operator") in _ABOUT_MISSING:
        if _is_true(node):
            return ""
        raise unsupported(
            "a tree with nullPrediction, returnLastPrediction and a predicate of several parts or isMissing"
        )
    return predicate.get("field", "")


def look_at_root_predicates(root: Element) -> None:
    """A tree predicts only where the predicate of its root is true; the evaluator does not look at it."""
    for model in root.iter("TreeModel"):
        node = model.find("Node")
        predicate = None if node is None else predicate_of(node)
        if node is not None and predicate is not None and predicate.tag != "True":
            place = list(model).index(node)
            model[place] = make("Node", make("True"), node)


def compare_with_the_first_table(root: Element) -> None:
    """
    Of two classes, the first table says how probable its own is, and the other gets the rest.

    The evaluator asks the second table instead, unless that gives 0.
    """
    for model in root.iter("RegressionModel"):
        tables = model.findall("RegressionTable")
        method = model.get("normalizationMethod", "none")
        if not is_classifier(model) or method in {"softmax", "simplemax"}:
            continue
        if len(tables) != 2:  # noqa: PLR2004 - two classes
            if method != "none" or len(tables) == 1:
                raise unsupported(f"a regression with {len(tables)} classes and {method}")
            continue
        if method != "none":
            tables[1][:] = []
            tables[1].set("intercept", "0")


def refuse_regressions(root: Element) -> None:
    """Refuse ordinal regressions, whose last class the evaluator gives a wrong probability, and loglog."""
    ordinal = {each.get("name") for each in root.iter("DataField") if each.get("optype") == "ordinal"}
    for model in root.iter("RegressionModel"):
        method = model.get("normalizationMethod", "none")
        if is_classifier(model):
            if target_of(model) in ordinal and method not in {"softmax", "simplemax"}:
                raise unsupported("a RegressionModel of an ordinal target; use a GeneralRegressionModel")
        elif method in {"loglog", "simplemax"}:
            raise unsupported(f"a regression with {method}")


def name_category_of_parameters(root: Element) -> None:
    """Parameters without category are of the class that is no reference; the evaluator has no class then."""
    for model in root.iter("GeneralRegressionModel"):
        cells = model.findall("ParamMatrix/PCell")
        if not is_classifier(model) or model.get("modelType") != "generalizedLinear":
            continue
        others = [each for each in classes_of(root, model) if each != model.get("targetReferenceCategory")]
        for cell in cells:
            if "targetCategory" not in cell.attrib and len(others) == 1:
                cell.set("targetCategory", others[0])


def add_ordinal_offsets(root: Element) -> None:
    """
    An ordinal model adds its offset to every category; the evaluator leaves it out.

    And its loglog link is exp(-exp(-y)); the evaluator computes exp(-exp(y)).
    """
    for model in root.iter("GeneralRegressionModel"):
        if model.get("modelType") != "ordinalMultinomial":
            continue
        parameters, matrix = model.find("ParameterList"), model.find("ParamMatrix")
        variable, value = model.attrib.pop("offsetVariable", None), model.attrib.pop("offsetValue", None)
        if parameters is not None and matrix is not None and (variable or value):
            parameters.append(make("Parameter", name="(offset)"))
            matrix.append(make("PCell", parameterName="(offset)", beta=value or "1", df="1"))
            pairs = model.find("PPMatrix")
            if variable is not None and pairs is not None:
                pairs.append(make("PPCell", value="1", predictorName=variable, parameterName="(offset)"))
        if model.get("cumulativeLink") == "loglog" and matrix is not None:
            for cell in matrix:
                cell.set("beta", repr(-float(cell.get("beta", "0"))))


def refuse_general_regressions(root: Element) -> None:
    """Refuse Cox regressions, which the evaluator reads at the first time always, and contrast matrices."""
    for model in root.iter("GeneralRegressionModel"):
        if model.get("modelType") == "CoxRegression":
            raise unsupported("a Cox regression")
        if model.find("FactorList/Predictor/Matrix") is not None:
            raise unsupported("a contrast matrix")


def skip_unknown_evidence(root: Element) -> None:
    """
    Naive Bayes passes over an input that is missing, in no bin, or a text that it has no counts of.

    The evaluator counts the first value instead.
    """
    for model in root.iter("NaiveBayesModel"):
        derived = []
        for each in model.iterfind("BayesInputs/BayesInput"):
            field = each.find("DerivedField")
            if field is not None:
                each.remove(field)
                name = field.get("name") or f"({each.get('fieldName')} in bins)"
                field.set("name", name)
                each.set("fieldName", name)
                derived.append(field)
        if derived:
            _add_fields(model, derived)
        counted = {
            each.get("fieldName")
            for each in model.iterfind("BayesInputs/BayesInput")
            if each.find("PairCounts") is not None
        }
        for each in model.iterfind("MiningSchema/MiningField"):
            if each.get("name") in counted and each.get("invalidValueTreatment") == "asIs":
                each.set("invalidValueTreatment", "asMissing")


def _add_fields(model: Element, derived: list[Element]) -> None:
    local = model.find("LocalTransformations")
    if local is None:
        local = make("LocalTransformations")
        place_before(model, local, {"BayesInputs"})
    local.extend(derived)


def sort_rules(root: Element) -> None:
    """
    The best rule comes first where rankOrder is descending; the evaluator turns the two orders round.

    What it recommends to one group of rows depends on the rows before it, so groups are refused.
    """
    for model in root.iter("AssociationModel"):
        if any(each.get("usageType") == "group" for each in model.iter("MiningField")):
            raise unsupported("an association model over groups of records; give it one flag for each item")
        rules = model.findall("AssociationRule")
        for place, rule in enumerate(rules, start=1):
            rule.attrib.setdefault("id", str(place))
            model.remove(rule)
        model.extend(reversed(rules))  # so that of two equals the first comes first
        for each in model.iterfind("Output/OutputField"):
            if each.get("rankOrder") == "ascending":
                raise unsupported("rules in ascending order")
            each.set("rankOrder", "ascending")


def refuse_clusters(root: Element) -> None:
    """Refuse clusters by distribution and comparisons by table, which the evaluator does not have."""
    for model in root.iter("ClusteringModel"):
        if model.get("modelClass") == "distributionBased":
            raise unsupported("clusters by distribution")
        for each in (*model.iterfind("ClusteringField"), *model.iterfind("ComparisonMeasure")):
            if each.get("compareFunction") == "table":
                raise unsupported("a comparison by table")


def refuse_models(root: Element) -> None:
    """Refuse types that nothing has judged, and trees that estimate what they miss."""
    judged = {"AnomalyDetectionModel", "NearestNeighborModel"}
    for model in models(root):
        if model.tag in judged:
            raise unsupported(f"a {model.tag}")
        strategy = model.get("missingValueStrategy")
        if strategy in {"weightedConfidence", "aggregateNodes"}:
            raise unsupported(f"a tree with the missingValueStrategy {strategy}")
