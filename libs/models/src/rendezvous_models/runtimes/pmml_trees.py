"""
Repairs of trees.

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
    predicate_of,
    unsupported,
)

_SIMPLE: Final = frozenset({"SimplePredicate", "SimpleSetPredicate"})
_ABOUT_MISSING: Final = frozenset({"isMissing", "isNotMissing"})


def complete_distributions(root: Element) -> None:
    """
    A class that a node does not list has the probability 0, and a node without score predicts its likeliest.

    To the evaluator such a class has none (NaN), and such a node predicts nothing. Where there are only
    probabilities they are the counts, which the evaluator does not do without.
    """
    for model in root.iter("TreeModel"):
        if not is_classifier(model):
            continue
        classes = classes_of(root, model)
        for node in model.iter("Node"):
            listed = {each.get("value"): each for each in node.iterfind("ScoreDistribution")}
            if not listed:
                continue
            for each in listed.values():
                each.attrib.setdefault("recordCount", each.get("probability", "0"))
            if "score" not in node.attrib:
                likeliest = max(listed.values(), key=lambda each: float(each.attrib["recordCount"]))
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
    field = _field_of(children[0])
    if not field:
        return [children[0]]
    same = list(takewhile(lambda child: _field_of(child) == field, children))
    there = make("SimplePredicate", field=field, operator="isNotMissing")
    known = {name: node.get(name) for name in ("id", "score", "recordCount")}
    rest = make("Node", there, *map(deepcopy, node.findall("ScoreDistribution")), **known)
    if len(same) < len(children):
        rest.extend(_one_by_one(node, children[len(same) :]))
    return [*same, rest]


def _field_of(node: Element) -> str:
    """Return the field without which the predicate of *node* is unknown; empty if it is always true."""
    predicate = predicate_of(node)
    if predicate is not None and predicate.tag == "True":
        return ""
    if predicate is None or predicate.tag not in _SIMPLE or predicate.get("operator") in _ABOUT_MISSING:
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
