"""Derived fields, every expression and function, and what a MiningSchema does to values."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, Row, gaps, rows, training

# There are some hundred of these documents, each of one expression or so.
_ROWS = 200
COLOURS = ("red", "dark red", "rosé")
_A, _B = xml.ref("alcohol"), xml.ref("pH")
_C, _F, _N = xml.ref("colour"), xml.ref("organic"), xml.ref("year")


def _predicate(operator: str, left: str = "alcohol", value: object = 10.0) -> str:
    return xml.simple(left, operator, value)


def _bins(**attributes: object) -> str:
    return xml.tag(
        "Discretize",
        *(
            xml.tag(
                "DiscretizeBin",
                xml.tag("Interval", closure="closedOpen", leftMargin=low, rightMargin=high),
                binValue=value,
            )
            for low, high, value in ((8, 10, 1), (10, 12, 2), (12, 13, 3))
        ),
        field="alcohol",
        **attributes,
    )


def _map(prefix: str = "", /, **attributes: object) -> str:
    """Colours as numbers; JPMML's exporters write the columns with the *prefix* data:."""
    table = "".join(
        xml.tag("row", xml.tag(f"{prefix}in", colour), xml.tag(f"{prefix}out", value))
        for colour, value in zip(COLOURS[:2], ("1.5", "2.5"), strict=True)
    )
    space = {"xmlns:data": "http://jpmml.org/jpmml-model/InlineTable"} if prefix else {}
    return xml.tag(
        "MapValues",
        xml.tag("FieldColumnPair", field="colour", column=f"{prefix}in"),
        xml.tag("InlineTable", table, **space),
        outputColumn=f"{prefix}out",
        **attributes,
    )


def _norm(outliers: str | None = None, missing: float | None = None) -> str:
    points = ((9.0, 0.0), (11.0, 0.5), (13.0, 1.5))
    return xml.tag(
        "NormContinuous",
        *(xml.tag("LinearNorm", orig=low, norm=high) for low, high in points),
        field="alcohol",
        outliers=outliers,
        mapMissingTo=missing,
    )


def _number_if(condition: str) -> str:
    return xml.apply("if", condition, xml.constant(1.0), xml.constant(0.0))


def _unary() -> dict[str, str]:
    one = (
        "log10",
        "ln",
        "sqrt",
        "abs",
        "exp",
        "floor",
        "ceil",
        "round",
        "expm1",
        "ln1p",
        "rint",
        "stdNormalCDF",
        "stdNormalPDF",
        "erf",
    )
    trigonometry = ("sin", "asin", "sinh", "cos", "acos", "cosh", "tan", "atan", "tanh")
    small = xml.apply("/", _B, xml.constant(5.0))
    return {name: xml.apply(name, _B) for name in one} | {
        name: xml.apply(name, small) for name in trigonometry
    }


def _functions() -> dict[str, str]:
    """Return expressions that give a number, by name."""
    found = _unary()
    for name in (
        "+",
        "-",
        "*",
        "/",
        "min",
        "max",
        "sum",
        "avg",
        "product",
        "pow",
        "threshold",
        "hypot",
        "modulo",
    ):
        found[name] = xml.apply(name, _A, _B)
    for name in ("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"):
        found[name] = _number_if(xml.apply(name, _A, xml.constant(10.0)))
        found[f"{name} of integers"] = _number_if(xml.apply(name, _N, xml.constant(2009)))
        found[f"{name} of an integer and a double"] = _number_if(
            xml.apply(name, _N, xml.constant(2009.0, "double"))
        )
        found[f"{name} of a double and an integer"] = _number_if(xml.apply(name, _A, xml.constant(10)))
    for name in ("equal", "notEqual"):
        found[f"{name} of texts"] = _number_if(xml.apply(name, _C, xml.constant("red")))
    large, many = (
        xml.apply("greaterThan", _A, xml.constant(10.0)),
        xml.apply("greaterThan", _B, xml.constant(3.3)),
    )
    found |= {name: _number_if(xml.apply(name, large, many)) for name in ("and", "or")}
    found["not"] = _number_if(xml.apply("not", large))
    found["flag"] = _number_if(_F)
    found["not flag"] = _number_if(xml.apply("not", _F))
    for name in ("isMissing", "isNotMissing", "isValid"):
        for field, of in (("text", _C), ("flag", _F), ("integer", _N), ("double", _A)):
            found[f"{name} {field}"] = _number_if(xml.apply(name, of))
    for name in ("isIn", "isNotIn"):
        found[f"{name} texts"] = _number_if(xml.apply(name, _C, xml.constant("red"), xml.constant("rosé")))
        found[f"{name} integers"] = _number_if(xml.apply(name, _N, xml.constant(2008), xml.constant(2010)))
        found[f"{name} doubles"] = _number_if(xml.apply(name, _A, xml.constant(10.0), xml.constant(9.5)))
    found["if without else"] = xml.apply("if", large, xml.constant(1.0))
    found["if of refs"] = xml.apply("if", large, _A, _B)
    for name in ("normalCDF", "normalPDF"):
        found[name] = xml.apply(name, _A, xml.constant(10.0), xml.constant(2.0))
    found["stringLength"] = xml.apply("stringLength", _C)
    found["integer sum"] = xml.apply("+", _N, xml.constant(1))
    found["default"] = xml.apply("+", _A, _B, defaultValue=-1.0)
    found["mapMissingTo"] = xml.apply("+", _A, _B, mapMissingTo=-1.0)
    return found


def _texts() -> dict[str, str]:
    """Return expressions that give a text, by name."""
    found = {name: xml.apply(name, _C) for name in ("uppercase", "lowercase", "trimBlanks")}
    found["substring"] = xml.apply("substring", _C, xml.constant(2), xml.constant(3))
    found["concat"] = xml.apply("concat", _C, xml.constant("-"), _C)
    found["concat of an integer"] = xml.apply("concat", _C, _N)
    found["replace"] = xml.apply("replace", _C, xml.constant("r+e"), xml.constant("c"))
    found["matches"] = xml.apply(
        "if", xml.apply("matches", _C, xml.constant("^d.*d$")), xml.constant("y"), xml.constant("n")
    )
    return found


def _expressions() -> dict[str, str]:
    found = {
        "FieldRef": _A,
        "FieldRef missing": xml.ref("alcohol", mapMissingTo=7.0),
        "NormDiscrete": xml.tag("NormDiscrete", field="colour", value="red"),
        "NormDiscrete missing": xml.tag("NormDiscrete", field="colour", value="red", mapMissingTo=0.5),
        "NormDiscrete integer": xml.tag("NormDiscrete", field="year", value="2009"),
        "NormDiscrete flag": xml.tag("NormDiscrete", field="organic", value="true"),
    }
    for outliers, missing in product((None, "asIs", "asMissingValues", "asExtremeValues"), (None, 0.25)):
        found[f"NormContinuous {outliers} {missing}"] = _norm(outliers, missing)
    for missing, default in product((None, 9), (None, 8)):
        attributes = {"mapMissingTo": missing, "defaultValue": default, "dataType": "integer"}
        found[f"Discretize {missing} {default}"] = _bins(**attributes)
        found[f"MapValues {missing} {default}"] = _map(**{**attributes, "dataType": "double"})
    found["MapValues with a prefix"] = _map("data:", dataType="double")
    return found


def _case(name: str, expression: str, kind: str, given: Sequence[Row], *, local: bool) -> Case:
    names = [*training().names, "colour", "organic", "year"]
    dictionary = (
        xml.numbers((*training().names, "quality"))
        + xml.category("colour", COLOURS)
        + xml.category("organic", ("true", "false"), kind="boolean")
        + xml.field("year", kind="integer")
    )
    field = xml.derived("made of it", expression, kind)
    wrapper = "LocalTransformations" if local else "TransformationDictionary"
    transformations = xml.tag(wrapper, field)
    treatment = {each: {"missingValueTreatment": "asIs"} for each in names}
    table = xml.tag(
        "RegressionTable",
        xml.tag("NumericPredictor", name="density", coefficient=0.5),
        intercept=1.0,
    )
    out = xml.output(
        "made", "transformedValue", xml.ref("made of it"), kind="double" if kind == "float" else kind
    )
    model = xml.tag(
        "RegressionModel",
        xml.schema(names, "quality", **treatment),
        xml.outputs(xml.predicted(), out),
        transformations if local else "",
        table,
        functionName="regression",
    )
    return Case(name, xml.document(dictionary, "" if local else transformations, model), given)


def expressions() -> Iterator[Case]:
    """Yield a derived field of every expression and function."""
    years = (2007, 2008, 2009, 2010)
    whole = rows(colour=COLOURS, organic=(True, False), year=years)
    given = gaps(whole, 0.15, only=("alcohol", "pH", "colour", "organic", "year"))[:_ROWS]
    for name, expression in {**_functions(), **_expressions()}.items():
        yield _case(f"expression {name}", expression, "double", given, local=True)
    for name, expression in _texts().items():
        yield _case(f"text expression {name}", expression, "string", given, local=True)
    for name in ("Discretize 9 8", "Discretize None None"):
        yield _case(f"integer expression {name}", _expressions()[name], "integer", given, local=False)
    for name in ("FieldRef", "+", "NormContinuous None None", "sqrt"):
        expression = {**_functions(), **_expressions()}[name]
        yield _case(f"float expression {name}", expression, "float", given, local=False)


def treatments() -> Iterator[Case]:
    """Yield what MiningFields do with values that are missing, invalid or outliers."""
    number = xml.field("n", xml.tag("Interval", closure="closedOpen", leftMargin=0, rightMargin=10))
    special = xml.field(
        "s",
        xml.tag("Value", value="-1", property="missing"),
        xml.tag("Value", value="-2", property="invalid"),
    )
    colour = xml.category("colour", COLOURS)
    free = xml.field("free", kind="string")
    whole = xml.field(
        "i", xml.tag("Interval", closure="closedClosed", leftMargin=1, rightMargin=5), kind="integer"
    )
    real = xml.field("r", kind="float")
    dictionary = number + special + colour + free + whole + real + xml.field("quality")
    given = rows(
        n=(*(1.5, 9.75, 0.0, 2.0, 8.5) * 5, 10.0, -3.0, 1e9, None),
        s=(*(2.0, 3.0) * 6, -1.0, -2.0),
        colour=(*COLOURS * 5, "blue", None),
        free=(*("x", "y", "never seen") * 5, None),
        i=(*(1, 5) * 6, 6, 0, None),
        r=(*(0.1, 0.30000001, 2.7) * 5, None),
    )
    given = [
        {name: row[name] for name in ("n", "s", "colour", "free", "i", "r")} for row in given[: 2 * _ROWS]
    ]
    predictors = "".join(xml.tag("NumericPredictor", name=name, coefficient=1.25) for name in "nsir")
    for name, values in (("colour", COLOURS), ("free", ("x", "y", "z"))):
        predictors += "".join(
            xml.tag("CategoricalPredictor", name=name, value=value, coefficient=10.0**place)
            for place, value in enumerate(values)
        )
    regression = xml.tag("RegressionTable", predictors, intercept=0.5)
    missings: tuple[dict[str, object], ...] = (
        {},
        {"missingValueReplacement": True},
        {"missingValueTreatment": "returnInvalid"},
    )
    for missing, invalid, outliers in product(
        missings,
        ("returnInvalid", "asIs", "asMissing", "asValue"),
        ("asIs", "asMissingValues", "asExtremeValues"),
    ):
        yield _treated(dictionary, regression, given, missing, invalid, outliers)


def _treated(
    dictionary: str,
    regression: str,
    given: Sequence[Row],
    missing: Mapping[str, object],
    invalid: str,
    outliers: str,
) -> Case:
    replaced = {"n": 4.5, "s": 7.0, "colour": "rosé", "free": "y", "i": 3, "r": 0.7}
    schema: dict[str, dict[str, object]] = {}
    for name, value in replaced.items():
        attributes: dict[str, object] = dict(missing)
        if "missingValueReplacement" in missing:
            attributes["missingValueReplacement"] = value
        attributes["invalidValueTreatment"] = invalid
        if invalid == "asValue":
            attributes["invalidValueReplacement"] = value
        if name in "ns":
            attributes |= {"outliers": outliers, "lowValue": 1.0, "highValue": 9.0}
        schema[name] = attributes
    model = xml.tag(
        "RegressionModel",
        xml.schema(list(replaced), "quality", **schema),
        xml.outputs(xml.predicted()),
        regression,
        functionName="regression",
    )
    return Case(f"treatment {missing} {invalid} {outliers}", xml.document(dictionary, model), given)


def predicates() -> Iterator[Case]:
    """Yield trees of one predicate each: every operator on every type, with gaps."""
    years = (2007, 2008, 2009, 2010)
    whole = rows(
        colour=(*COLOURS, "blue"),
        organic=(True, False),
        year=years,
        free=("x", "y", "z"),
        real=(0.1, 0.3, 0.30000001, 0.7),
    )
    given = gaps(whole, 0.15, only=("alcohol", "colour", "organic", "year", "free", "real"))[:_ROWS]
    operators = ("equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual")
    predicates: dict[str, str] = {}
    for field, value in (("alcohol", 10.0), ("year", 2009), ("real", 0.3)):
        predicates |= {f"{field} {each}": xml.simple(field, each, value) for each in operators}
    for field, text in (("colour", "red"), ("organic", "true"), ("free", "x"), ("free", "w")):
        predicates |= {f"{field} {each} {text}": xml.simple(field, each, text) for each in operators[:2]}
    for field in ("alcohol", "colour", "organic", "year", "free"):
        predicates |= {f"{field} {each}": xml.simple(field, each) for each in ("isMissing", "isNotMissing")}
    sets = (
        ("colour", ('"dark red"', "rosé"), "string"),
        ("free", ("x", "w"), "string"),
        ("year", (2008, 2010), "int"),
        ("alcohol", (9.5, 10.0), "real"),
    )
    for (field, values, kind), operator, joined in product(sets, ("isIn", "isNotIn"), (" ", "\n  ")):
        content = xml.array(values, kind, joined)
        predicates[f"{field} {operator} {len(joined)}"] = xml.tag(
            "SimpleSetPredicate", content, field=field, booleanOperator=operator
        )
    parts = [
        xml.simple("alcohol", "greaterThan", 10.0),
        xml.simple("year", "equal", 2009),
        xml.simple("pH", "lessThan", 3.3),
    ]
    for operator, count in product(("and", "or", "xor", "surrogate"), (2, 3)):
        predicates[f"{operator} of {count}"] = xml.tag(
            "CompoundPredicate", *parts[:count], booleanOperator=operator
        )
    surrogates = xml.tag("CompoundPredicate", *parts[1:], xml.tag("False"), booleanOperator="surrogate")
    predicates["surrogate in and"] = xml.tag("CompoundPredicate", parts[0], surrogates, booleanOperator="and")
    for treatment, (name, predicate) in product(("asIs", "asMissing"), predicates.items()):
        if treatment == "asIs" or name.startswith("colour"):
            yield _one_predicate(f"predicate {name} {treatment}", predicate, given, treatment)
    yield _one_predicate(
        "root predicate", xml.tag("True"), given, "asIs", root=predicates["alcohol lessThan"]
    )


def _one_predicate(
    name: str, predicate: str, given: Sequence[Row], treatment: str, root: str = "<True/>"
) -> Case:
    names = ["alcohol", "pH", "colour", "organic", "year", "free", "real"]
    dictionary = (
        xml.numbers(training().names)
        + xml.category("colour", COLOURS)
        + xml.category("organic", ("true", "false"), kind="boolean")
        + xml.field("year", kind="integer")
        + xml.field("free", kind="string")
        + xml.field("real", kind="float")
        + xml.field("quality")
    )
    nodes = xml.tag("Node", predicate, score=1.0) + xml.tag("Node", "<True/>", score=2.0)
    schema = {each: {"invalidValueTreatment": treatment, "missingValueTreatment": "asIs"} for each in names}
    model = xml.tag(
        "TreeModel",
        xml.schema(names, "quality", **schema),
        xml.outputs(xml.predicted()),
        xml.tag("Node", root, nodes, score=0.0),
        functionName="regression",
        missingValueStrategy="none",
        noTrueChildStrategy="returnLastPrediction",
    )
    return Case(name, xml.document(dictionary, model), given)
