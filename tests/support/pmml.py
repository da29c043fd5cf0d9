"""Small PMML documents, written by hand: enough to test with, not to train with."""

import random
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>'
)
_TARGET = '<DataField name="quality" optype="continuous" dataType="double"/>'


def _dictionary(inputs: Sequence[str], target: str, *, classes: Sequence[str] = ()) -> str:
    fields = "".join(
        f'<DataField name={quoteattr(name)} optype="continuous" dataType="double"/>' for name in inputs
    )
    if classes:
        values = "".join(f"<Value value={quoteattr(label)}/>" for label in classes)
        fields += f'<DataField name="{target}" optype="categorical" dataType="string">{values}</DataField>'
    else:
        fields += f'<DataField name="{target}" optype="continuous" dataType="double"/>'
    return f"<DataDictionary>{fields}</DataDictionary>"


def _schema(inputs: Sequence[str], target: str) -> str:
    mined = "".join(f"<MiningField name={quoteattr(name)}/>" for name in inputs)
    return f'<MiningSchema>{mined}<MiningField name="{target}" usageType="target"/></MiningSchema>'


def _output(target: str) -> str:
    return f'<Output><OutputField name="{target}" dataType="double" feature="predictedValue"/></Output>'


def regression(
    coefficients: Mapping[str, float], intercept: float = 0.0, *, target: str = "quality"
) -> bytes:
    """Return a linear regression."""
    names = tuple(coefficients)
    predictors = "".join(
        f"<NumericPredictor name={quoteattr(name)} coefficient={quoteattr(repr(factor))}/>"
        for name, factor in coefficients.items()
    )
    return (
        f'{_HEAD}{_dictionary(names, target)}<RegressionModel functionName="regression">'
        f"{_schema(names, target)}{_output(target)}"
        f"<RegressionTable intercept={quoteattr(repr(intercept))}>{predictors}</RegressionTable>"
        "</RegressionModel></PMML>"
    ).encode()


def typed_regression(data_fields: str, mining_fields: str, predictors: str) -> bytes:
    """Return a regression for `quality` out of the raw XML of its fields and predictors."""
    return (
        f"{_HEAD}<DataDictionary>{data_fields}{_TARGET}</DataDictionary>"
        f'<RegressionModel functionName="regression"><MiningSchema>{mining_fields}'
        f'<MiningField name="quality" usageType="target"/></MiningSchema>{_output("quality")}'
        f'<RegressionTable intercept="1">{predictors}</RegressionTable></RegressionModel></PMML>'
    ).encode()


def _node(rng: random.Random, names: Sequence[str], depth: int, predicate: str) -> str:
    score = rng.uniform(3, 8)
    if depth == 0:
        return f'<Node score="{score!r}">{predicate}</Node>'
    name, cut = rng.choice(names), rng.uniform(0.2, 0.8)
    below = f'<SimplePredicate field={quoteattr(name)} operator="lessOrEqual" value="{cut!r}"/>'
    above = f'<SimplePredicate field={quoteattr(name)} operator="greaterThan" value="{cut!r}"/>'
    children = _node(rng, names, depth - 1, below) + _node(rng, names, depth - 1, above)
    return f'<Node score="{score!r}">{predicate}{children}</Node>'


def forest(names: Sequence[str], *, trees: int = 50, depth: int = 8, seed: int = 1) -> bytes:
    """Return a forest that averages random regression trees over *names*, for costs, not for wisdom."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    segments = "".join(
        f'<Segment id="{number}"><True/><TreeModel functionName="regression">'
        f"{_schema(names, 'quality')}{_node(rng, names, depth, '<True/>')}</TreeModel></Segment>"
        for number in range(1, trees + 1)
    )
    return (
        f'{_HEAD}{_dictionary(names, "quality")}<MiningModel functionName="regression">'
        f"{_schema(names, 'quality')}{_output('quality')}"
        f'<Segmentation multipleModelMethod="average">{segments}</Segmentation></MiningModel></PMML>'
    ).encode()


def two_class_tree(field: str, cut: float, *, low: str = "poor", high: str = "good") -> bytes:
    """Return a classification tree with one cut: texts and probabilities as outputs."""

    def leaf(label: str, operator: str) -> str:
        counts = "".join(
            f'<ScoreDistribution value="{name}" recordCount="{9 if name == label else 1}"/>'
            for name in (low, high)
        )
        return (
            f'<Node score="{label}" recordCount="10"><SimplePredicate field={quoteattr(field)} '
            f'operator="{operator}" value="{cut}"/>{counts}</Node>'
        )

    return (
        f"{_HEAD}{_dictionary([field], 'grade', classes=[low, high])}"
        f'<TreeModel functionName="classification">{_schema([field], "grade")}<Output>'
        '<OutputField name="grade" optype="categorical" dataType="string" feature="predictedValue"/>'
        f'<OutputField name="p_{high}" optype="continuous" dataType="double" feature="probability" '
        f'value="{high}"/></Output><Node score="{low}" recordCount="20"><True/>'
        f"{leaf(low, 'lessOrEqual')}{leaf(high, 'greaterThan')}</Node></TreeModel></PMML>"
    ).encode()
