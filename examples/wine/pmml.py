"""
Writes fitted scikit-learn regressors as PMML 4.4.

Numbers are written so that reading them gives the same double again, and trees branch in the same way for
every double: scikit-learn rounds the inputs of a tree to 32 bits before it compares them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import numpy as np

_HEAD: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header description={description}/>'
)
_LEAF: Final = -1
_ACTIVATIONS: Final = {"tanh": "tanh", "logistic": "logistic", "relu": "rectifier", "identity": "identity"}


def linear(model: Any, names: Sequence[str], target: str) -> str:
    """Return a fitted LinearRegression as a RegressionModel."""
    predictors = "".join(
        f"<NumericPredictor name={_attr(name)} coefficient={_attr(float(coefficient))}/>"
        for name, coefficient in zip(names, model.coef_, strict=True)
    )
    table = f"<RegressionTable intercept={_attr(float(model.intercept_))}>{predictors}</RegressionTable>"
    return _document("linear regression", "RegressionModel", "", table, names, target)


def network(scaler: Any, model: Any, names: Sequence[str], target: str) -> str:
    """Return a fitted MLPRegressor behind a fitted StandardScaler as a NeuralNetwork."""
    hidden = _ACTIVATIONS[model.activation]
    last = len(model.coefs_) - 1
    layers = "".join(
        _layer(place, weights, biases, "identity" if place == last else hidden)
        for place, (weights, biases) in enumerate(zip(model.coefs_, model.intercepts_, strict=True))
    )
    content = _neural_inputs(scaler, names) + layers + _neural_output(len(model.coefs_), target)
    return _document(
        "neural network", "NeuralNetwork", f' activationFunction="{hidden}"', content, names, target
    )


def forest(model: Any, names: Sequence[str], target: str) -> str:
    """Return a fitted RandomForestRegressor as a MiningModel that averages its trees."""
    segments = "".join(
        f'<Segment id="{number}"><True/>{_tree(tree.tree_, names, target)}</Segment>'
        for number, tree in enumerate(model.estimators_, start=1)
    )
    content = f'<Segmentation multipleModelMethod="average">{segments}</Segmentation>'
    return _document("random forest", "MiningModel", "", content, names, target)


def _attr(value: float | str) -> str:
    return quoteattr(value if isinstance(value, str) else repr(value))


def _document(
    description: str, element: str, attributes: str, content: str, names: Sequence[str], target: str
) -> str:
    fields = "".join(
        f'<DataField name={_attr(name)} optype="continuous" dataType="double"/>' for name in (*names, target)
    )
    output = (
        f'<OutputField name={_attr(target)} dataType="double" optype="continuous" feature="predictedValue"/>'
    )
    return (
        f"{_HEAD.format(description=_attr(description))}<DataDictionary>{fields}</DataDictionary>"
        f'<{element} functionName="regression"{attributes}>{_schema(names, target)}'
        f"<Output>{output}</Output>{content}</{element}></PMML>\n"
    )


def _schema(names: Iterable[str], target: str) -> str:
    used = "".join(f"<MiningField name={_attr(name)}/>" for name in names)
    return f'<MiningSchema>{used}<MiningField name={_attr(target)} usageType="target"/></MiningSchema>'


def _neural_inputs(scaler: Any, names: Sequence[str]) -> str:
    inputs = "".join(
        f'<NeuralInput id="0,{place}">{_scaled(name, float(mean), float(scale))}</NeuralInput>'
        for place, (name, mean, scale) in enumerate(zip(names, scaler.mean_, scaler.scale_, strict=True))
    )
    return f'<NeuralInputs numberOfInputs="{len(names)}">{inputs}</NeuralInputs>'


def _scaled(name: str, mean: float, scale: float) -> str:
    """Return (value - mean) / scale as the line through its values at the mean and one scale above."""
    return (
        '<DerivedField optype="continuous" dataType="double">'
        f'<NormContinuous field={_attr(name)} outliers="asIs">'
        f'<LinearNorm orig={_attr(mean)} norm="0"/><LinearNorm orig={_attr(mean + scale)} norm="1"/>'
        "</NormContinuous></DerivedField>"
    )


def _layer(place: int, weights: Any, biases: Any, activation: str) -> str:
    """Return one layer; *weights* has a row for each neuron of the layer before it."""
    neurons = "".join(
        f'<Neuron id="{place + 1},{number}" bias={_attr(float(bias))}>'
        + "".join(
            f'<Con from="{place},{source}" weight={_attr(float(row[number]))}/>'
            for source, row in enumerate(weights)
        )
        + "</Neuron>"
        for number, bias in enumerate(biases)
    )
    return f'<NeuralLayer activationFunction="{activation}">{neurons}</NeuralLayer>'


def _neural_output(layers: int, target: str) -> str:
    return (
        f'<NeuralOutputs numberOfOutputs="1"><NeuralOutput outputNeuron="{layers},0">'
        '<DerivedField optype="continuous" dataType="double">'
        f"<FieldRef field={_attr(target)}/></DerivedField></NeuralOutput></NeuralOutputs>"
    )


def _tree(tree: Any, names: Sequence[str], target: str) -> str:
    used = sorted({place for place in tree.feature.tolist() if place >= 0})
    schema = _schema((names[place] for place in used), target)
    nodes = "".join(_nodes(tree, names))
    return (
        f'<TreeModel functionName="regression" splitCharacteristic="binarySplit">{schema}{nodes}</TreeModel>'
    )


def _nodes(tree: Any, names: Sequence[str]) -> Iterator[str]:
    """Yield the nodes in order of depth, without recursion: text that closes a node waits on the stack."""
    left, right = tree.children_left.tolist(), tree.children_right.tolist()
    feature, threshold = tree.feature.tolist(), [largest_double(cut) for cut in tree.threshold.tolist()]
    score = tree.value[:, 0, 0].tolist()
    stack: list[tuple[int, str] | str] = [(0, "<True/>")]
    while stack:
        entry = stack.pop()
        if isinstance(entry, str):
            yield entry
            continue
        node, predicate = entry
        if left[node] == _LEAF:
            yield f"<Node score={_attr(score[node])}>{predicate}</Node>"
            continue
        yield f"<Node>{predicate}"
        cut = f"<SimplePredicate field={_attr(names[feature[node]])} value={_attr(threshold[node])} operator="
        stack += ["</Node>", (right[node], f'{cut}"greaterThan"/>'), (left[node], f'{cut}"lessOrEqual"/>')]


def largest_double(threshold: float) -> float:
    """Return the largest double that, rounded to 32 bits, is not above *threshold*."""
    below = np.float32(threshold)
    if float(below) > threshold:
        below = np.nextafter(below, np.float32(-math.inf))
    # Doubles up to the middle of two neighbours are rounded down; the middle itself goes to the even one.
    middle = (float(below) + float(np.nextafter(below, np.float32(math.inf)))) / 2
    return middle if np.float32(middle) == below else math.nextafter(middle, -math.inf)
