"""What repairs and refusals have in common: names, and ways through a document's elements."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree.ElementTree import Element

from rendezvous_models.errors import BadModelError

MODELS: Final = frozenset(
    {
        "AnomalyDetectionModel",
        "AssociationModel",
        "BayesianNetworkModel",
        "BaselineModel",
        "ClusteringModel",
        "GaussianProcessModel",
        "GeneralRegressionModel",
        "MiningModel",
        "NaiveBayesModel",
        "NearestNeighborModel",
        "NeuralNetwork",
        "RegressionModel",
        "RuleSetModel",
        "Scorecard",
        "SequenceModel",
        "SupportVectorMachineModel",
        "TextModel",
        "TimeSeriesModel",
        "TreeModel",
    }
)
PREDICATES: Final = frozenset({"SimplePredicate", "SimpleSetPredicate", "CompoundPredicate", "True", "False"})
EXPRESSIONS: Final = frozenset(
    {
        "Aggregate",
        "Apply",
        "Constant",
        "Discretize",
        "FieldRef",
        "Lag",
        "MapValues",
        "NormContinuous",
        "NormDiscrete",
        "TextIndex",
    }
)
NUMBERS: Final = frozenset({"integer", "float", "double"})


def unsupported(what: str) -> BadModelError:
    """Return the error for a document that asks for *what*."""
    return BadModelError(f"the PMML document has {what}, which this runtime would score wrongly")


def make(tag: str, *children: Element, **attributes: str | None) -> Element:
    """Return an element; an attribute that is None is left out."""
    made = Element(tag, {key: value for key, value in attributes.items() if value is not None})
    made.extend(children)
    return made


def become(target: Element, source: Element) -> None:
    """Make *target* what *source* is, in its place."""
    target.tag, target.text = source.tag, source.text
    target.attrib.clear()
    target.attrib.update(source.attrib)
    target[:] = list(source)


def models(root: Element) -> Iterator[Element]:
    """Yield the models of the document, each before those inside it."""
    return (each for each in root.iter() if each.tag in MODELS)


def is_classifier(model: Element) -> bool:
    """Whether *model* is for classification."""
    return model.get("functionName") == "classification"


def fields(root: Element) -> Iterator[Element]:
    """Yield the DataFields and DerivedFields of the document."""
    return itertools.chain(root.iter("DataField"), root.iter("DerivedField"))


def types(root: Element) -> dict[str, str]:
    """Return the data types of the document's fields by their names."""
    return {each.get("name", ""): each.get("dataType", "") for each in fields(root)}


def target_of(model: Element) -> str | None:
    """Return the name of *model*'s own target."""
    for each in model.iterfind("MiningSchema/MiningField"):
        if each.get("usageType") in {"target", "predicted"}:
            return each.get("name")
    return None


def predicate_of(element: Element) -> Element | None:
    """Return the predicate that *element* has."""
    return first(element, PREDICATES)


def first(element: Element, tags: Iterable[str]) -> Element | None:
    """Return the first child of *element* with one of *tags*."""
    wanted = frozenset(tags)
    return next((each for each in element if each.tag in wanted), None)


def place_before(model: Element, new: Element, later: Iterable[str]) -> None:
    """Put *new* into *model* before its first child that is one of *later*, or at the end."""
    wanted = frozenset(later)
    place = next((place for place, each in enumerate(model) if each.tag in wanted), len(model))
    model.insert(place, new)


def after_schema(model: Element, new: Element) -> None:
    """Put *new* into *model* right after its MiningSchema."""
    place = next((place for place, each in enumerate(model, start=1) if each.tag == "MiningSchema"), 0)
    model.insert(place, new)


def classes_of(root: Element, model: Element) -> list[str]:
    """Return the classes that *model* tells apart: those that its target declares, then others it names."""
    target = target_of(model)
    declared = [
        value.get("value", "")
        for each in root.iterfind("DataDictionary/DataField")
        if each.get("name") == target
        for value in each.iterfind("Value")
        if value.get("property", "valid") == "valid"
    ]
    return list(dict.fromkeys([*declared, *_named(model)]))


def _named(model: Element) -> Iterator[str]:
    attributes = {
        "ScoreDistribution": ("value",),
        "RegressionTable": ("targetCategory",),
        "TargetValueCount": ("value",),
        "TargetValueStat": ("value",),
        "PCell": ("targetCategory",),
        "GeneralRegressionModel": ("targetReferenceCategory",),
        "SupportVectorMachine": ("targetCategory", "alternateTargetCategory"),
        "SimpleRule": ("score",),
        "RuleSet": ("defaultScore",),
    }
    if model.tag == "TreeModel":
        attributes["Node"] = ("score",)
    for each in model.iter():
        if each.tag in MODELS and each is not model and not is_classifier(each):
            continue
        for attribute in attributes.get(each.tag, ()):
            if attribute in each.attrib:
                yield each.attrib[attribute]
    for each in model.iterfind("NeuralOutputs/NeuralOutput/DerivedField/NormDiscrete"):
        yield each.get("value", "")
