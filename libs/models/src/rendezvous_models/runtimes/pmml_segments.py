"""
Repairs of models made of models.

Each function changes the parsed document so that the evaluator computes what the specification demands; its
docstring says what that is, and what the evaluator does otherwise.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Final
from xml.etree.ElementTree import Element

from rendezvous_models.runtimes.pmml_markup import (
    MODELS,
    after_schema,
    classes_of,
    is_classifier,
    make,
    place_before,
    target_of,
    types,
    unsupported,
)

_BY_PROBABILITY: Final = frozenset({"average", "weightedAverage"})
_BY_CHOICE: Final = frozenset({"max", "median", "weightedMedian", "x-weightedMedian"})
_NOT_ALL: Final = 1 - 1e-9


def prepare_segments(root: Element) -> None:
    """A tree in a segment prepares its inputs by its own MiningSchema; the evaluator may pass over that."""
    for segment in root.iter("Segment"):
        for model in segment.iterfind("TreeModel"):
            own = any(
                set(each.attrib) - {"name", "usageType", "importance"} for each in model.iter("MiningField")
            )
            if own and model.find("LocalTransformations") is None:
                ready = make("Constant", dataType="double")
                ready.text = "1"
                field = make("DerivedField", ready, name="(prepared)", optype="continuous", dataType="double")
                place_before(model, make("LocalTransformations", field), {"ModelStats", "Node"})


def average_by_class(root: Element) -> None:
    """
    An average is taken class by class, of the segments that are not skipped.

    The evaluator takes it by the places of the first segment's outputs, whatever the others have there, and
    divides by all segments.
    """
    for model, segmentation, method in _segmentations(root):
        if not is_classifier(model):
            continue
        if method in _BY_CHOICE:
            raise unsupported(f"a classifier that takes the {method} of its segments")
        if method not in _BY_PROBABILITY:
            continue
        for segment in segmentation.iterfind("Segment"):
            for inner in _inner(segment):
                _output(inner)[:0] = _probabilities(classes_of(root, model))
            if method == "average":
                segment.attrib.pop("weight", None)
        segmentation.set("multipleModelMethod", "weightedAverage")


def share_out_votes(root: Element) -> None:
    """
    Votes are shares of all weights, and without any vote there is no result.

    The evaluator divides by the number of segments, and names the first class where nobody voted.
    """
    for model, segmentation, method in _segmentations(root):
        if method not in {"majorityVote", "weightedMajorityVote"}:
            continue
        if segmentation.get("missingPredictionTreatment") == "skipSegment":
            threshold = float(segmentation.get("missingThreshold", "1"))
            segmentation.set("missingThreshold", repr(min(threshold, _NOT_ALL)))
        else:
            segmentation.set("missingPredictionTreatment", "returnMissing")
        segments = segmentation.findall("Segment")
        weights = [float(segment.get("weight", "1")) for segment in segments]
        if method == "majorityVote" or not is_classifier(model) or len(set(weights)) == 1:
            continue
        skips = segmentation.get("missingPredictionTreatment") == "skipSegment"
        if skips or any(segment.find("True") is None for segment in segments):
            raise unsupported("weighted votes of segments that do not always vote")
        for segment, weight in zip(segments, weights, strict=True):
            segment.set("weight", repr(weight * len(weights) / sum(weights)))


def select_with_own_outputs(root: Element) -> None:
    """
    The outputs of selectFirst are those of the whole model; the evaluator gives the selected segment's.

    So every segment gets the outputs of the whole.
    """
    for model, segmentation, method in _segmentations(root):
        if method == "selectAll":
            raise unsupported("a selectAll")
        if method == "selectFirst":
            if model.find("Output") is None:
                _output(model).extend(_default_outputs(root, model))
            for segment in segmentation.iterfind("Segment"):
                for inner in _inner(segment):
                    _output(inner)[:] = deepcopy(list(_output(model)))


def chain_with_all_outputs(root: Element) -> None:
    """
    A chain says what its last segment says, of which any outputs may be kept back.

    The evaluator takes the last segment's outputs by their places, as if none were kept back, and has no
    probabilities but those that are among them. What Targets of the whole chain do is not agreed upon.
    """
    for model, segmentation, method in _segmentations(root):
        if method != "modelChain":
            continue
        if not is_classifier(model) and model.find("Targets/Target") is not None:
            raise unsupported("Targets of a whole modelChain; put them into the last segment")
        if model.find("Output") is None:
            continue
        for segment in segmentation.iterfind("Segment"):
            for inner in _inner(segment):
                _complete_outputs(root, model, inner)


def _complete_outputs(root: Element, model: Element, inner: Element) -> None:
    output = inner.find("Output")
    if output is None:
        return
    for each in output:
        each.attrib.pop("isFinalResult", None)
    if inner.get("functionName") != model.get("functionName"):
        return
    features = {(each.get("feature", "predictedValue"), each.get("value")) for each in output}
    if ("predictedValue", None) not in features:
        kind = types(root).get(target_of(inner) or target_of(model) or "", "double")
        output.append(make("OutputField", name="(predicted)", feature="predictedValue", dataType=kind))
    if is_classifier(model):
        known = {value for feature, value in features if feature == "probability"}
        output.extend(_probabilities([each for each in classes_of(root, model) if each not in known]))


def _segmentations(root: Element) -> Iterator[tuple[Element, Element, str]]:
    """Yield each model of segments with its segmentation and its method."""
    for model in list(root.iter("MiningModel")):
        for segmentation in model.findall("Segmentation"):
            yield model, segmentation, segmentation.get("multipleModelMethod", "")


def _inner(segment: Element) -> list[Element]:
    return [each for each in segment if each.tag in MODELS]


def _output(model: Element) -> Element:
    output = model.find("Output")
    if output is None:
        output = make("Output")
        after_schema(model, output)
    return output


def _probabilities(classes: Sequence[str]) -> list[Element]:
    return [
        make(
            "OutputField",
            name=f"(probability {place})",
            feature="probability",
            value=each,
            dataType="double",
            optype="continuous",
        )
        for place, each in enumerate(classes)
    ]


def _default_outputs(root: Element, model: Element) -> list[Element]:
    target = target_of(model) or "value"
    kind = types(root).get(target, "double")
    made = [make("OutputField", name=f"predicted_{target}", feature="predictedValue", dataType=kind)]
    if is_classifier(model):
        for each in _probabilities(classes_of(root, model)):
            each.set("name", f"probability_{each.get('value')}")
            made.append(each)
    return made
