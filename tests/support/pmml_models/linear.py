"""Regressions and generalised linear models."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sklearn.linear_model import GammaRegressor, LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.preprocessing import StandardScaler

from examples.wine import pmml as wine_pmml
from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, Training, gaps, rows, training

CLASSES = ("plain", "good", "very good")
COLOURS = ("red", "dark red", "rosé")
_COLOUR_EFFECTS = {"red": 0.5, "dark red": -0.25, "rosé": 1.5}
_LINKS: Mapping[str, Mapping[str, object]] = {
    "cloglog": {},
    "identity": {},
    "log": {},
    "logc": {},
    "logit": {},
    "loglog": {},
    "probit": {},
    "negbin": {"distParameter": 0.7},
    "oddspower": {"linkParameter": 0.5},
    "power": {"linkParameter": 2.0},
}


def _table(
    names: Sequence[str], coefficients: Sequence[float], intercept: float, **attributes: object
) -> str:
    predictors = "".join(
        xml.tag("NumericPredictor", name=name, coefficient=float(each))
        for name, each in zip(names, coefficients, strict=True)
    )
    return xml.tag("RegressionTable", predictors, intercept=float(intercept), **attributes)


def _regression(names: Sequence[str], target: str, output: str, *tables: str, **attributes: object) -> str:
    attributes.setdefault("functionName", "regression")
    return xml.tag("RegressionModel", xml.schema(names, target), xml.outputs(output), *tables, **attributes)


def numeric() -> Iterator[Case]:
    """Yield regressions."""
    data = training()
    fitted = LinearRegression().fit(data.x, data.y)
    yield Case("linear of the wine example", wine_pmml.linear(fitted, data.names, "quality"), rows())
    dictionary = xml.numbers((*data.names, "quality"))
    table = _table(data.names, fitted.coef_, fitted.intercept_)
    for version in ("3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "4.3", "4.4"):
        model = _regression(data.names, "quality", xml.predicted(), table)
        yield Case(f"linear {version}", xml.document(dictionary, model, version=version), rows()[:200])
    small = _table(data.names, fitted.coef_ / 8, fitted.intercept_ / 8)
    for method in ("none", "softmax", "logit", "exp", "probit", "cloglog", "cauchit"):
        model = _regression(data.names, "quality", xml.predicted(), small, normalizationMethod=method)
        yield Case(f"linear {method}", xml.document(dictionary, model), gaps(rows(), 0.01))
    yield from _with_terms(data)


def _with_terms(data: Training) -> Iterator[Case]:
    terms = xml.tag("NumericPredictor", name="alcohol", coefficient=0.3, exponent=2)
    terms += "".join(
        xml.tag("CategoricalPredictor", name="colour", value=value, coefficient=effect)
        for value, effect in _COLOUR_EFFECTS.items()
    )
    terms += xml.tag("PredictorTerm", xml.ref("alcohol"), xml.ref("density"), coefficient=0.01)
    table = xml.tag("RegressionTable", terms, intercept=1.5)
    dictionary = xml.numbers((*data.names, "quality")) + xml.category("colour", COLOURS)
    model = _regression([*data.names, "colour"], "quality", xml.predicted(), table)
    yield Case("linear with terms", xml.document(dictionary, model), rows(colour=COLOURS))
    target = xml.tag("Target", field="quality", min=4.0, max=6.5, rescaleFactor=2.0, rescaleConstant=0.25)
    for cast in (None, "round", "ceiling", "floor"):
        targets = target.replace("<Target ", f'<Target castInteger="{cast}" ') if cast else target
        cut = model.replace("</Output>", f"</Output>{xml.tag('Targets', targets)}")
        cut = cut.replace('intercept="1.5"', 'intercept="-28.0"')
        yield Case(f"linear with a target {cast}", xml.document(dictionary, cut), rows(colour=COLOURS))


def logistic() -> Iterator[Case]:
    """Yield logistic regressions of two and three classes."""
    data = training()
    scaled = StandardScaler().fit(data.x)
    for labels, name in ((data.y > 5, "binary"), (data.grade, "three classes")):
        fitted = LogisticRegression(max_iter=500).fit(scaled.transform(data.x), labels)
        coefficients = fitted.coef_ / scaled.scale_
        intercepts = fitted.intercept_ - coefficients @ scaled.mean_
        tables = [
            _table(data.names, each, intercept, targetCategory=label)
            for each, intercept, label in zip(coefficients, intercepts, _labels(fitted), strict=True)
        ]
        yield from _classifiers(data, name, tables)


def _labels(fitted: Any) -> list[str]:
    return ["good"] if len(fitted.classes_) == 2 else [str(each) for each in fitted.classes_]


def _classifiers(data: Training, name: str, tables: Sequence[str]) -> Iterator[Case]:
    methods: tuple[str, ...] = ("softmax",)
    classes: tuple[str, ...] = CLASSES
    if len(tables) == 1:
        tables = [*tables, _table((), (), 0.0, targetCategory="plain")]
        methods = ("softmax", "logit", "probit", "cloglog", "loglog", "cauchit")
        classes = CLASSES[:2]
    else:
        methods = ("softmax",)
    for reverse in (False, True):
        for declared in (classes, ()):
            for method in methods:
                dictionary = xml.numbers(data.names) + xml.category("grade", declared)
                model = _regression(
                    data.names,
                    "grade",
                    xml.probabilities(classes),
                    *(reversed(tables) if reverse else tables),
                    functionName="classification",
                    normalizationMethod=method,
                )
                shown = f"logistic {name} {method} {'reversed ' * reverse}{'undeclared' * (not declared)}"
                yield Case(shown, xml.document(dictionary, model), gaps(rows(), 0.01))


def _parameters(names: Sequence[str]) -> str:
    """Return the parameters p0 (the intercept), p1… (one for each of *names*), c1, c2 (two colours)."""
    each = "".join(xml.tag("Parameter", name=f"p{place}", label="") for place in range(len(names) + 1))
    return xml.tag("ParameterList", each + '<Parameter name="c1"/><Parameter name="c2"/>')


def _general(
    names: Sequence[str],
    betas: Sequence[tuple[str | None, Mapping[str, float]]],
    target: str,
    output: str,
    **attributes: object,
) -> str:
    """Return a GeneralRegressionModel on *names* and the colour, with *betas* by category."""
    cells = "".join(
        xml.tag("PPCell", value=1, predictorName=name, parameterName=f"p{place}")
        for place, name in enumerate(names, start=1)
    )
    for place, colour in enumerate(COLOURS[:2], start=1):
        cells += xml.tag("PPCell", value=colour, predictorName="colour", parameterName=f"c{place}")
    content = (
        xml.schema([*names, "colour"], target)
        + xml.outputs(output)
        + _parameters(names)
        + xml.tag("FactorList", xml.tag("Predictor", name="colour"))
        + xml.tag("CovariateList", *(xml.tag("Predictor", name=name) for name in names))
        + xml.tag("PPMatrix", cells)
        + xml.tag(
            "ParamMatrix",
            *(
                xml.tag("PCell", targetCategory=category, parameterName=name, beta=beta, df=1)
                for category, values in betas
                for name, beta in values.items()
            ),
        )
    )
    attributes.setdefault("functionName", "regression")
    return xml.tag("GeneralRegressionModel", content, **attributes)


def generalised() -> Iterator[Case]:
    """Yield generalised linear models with every link."""
    data = training()
    dictionary = xml.numbers((*data.names, "quality")) + xml.category("colour", COLOURS)
    given = rows(colour=COLOURS)
    for kind in (PoissonRegressor, GammaRegressor):
        fitted = kind(max_iter=1_000).fit(data.x, data.y)
        betas = {f"p{place}": float(each) for place, each in enumerate(fitted.coef_, start=1)}
        betas |= {"p0": float(fitted.intercept_), "c1": 0.1, "c2": -0.1}
        model = _general(
            data.names,
            [(None, betas)],
            "quality",
            xml.predicted(),
            modelType="generalizedLinear",
            linkFunction="log",
            distribution=kind.__name__.removesuffix("Regressor").lower(),
        )
        yield Case(f"GLM {kind.__name__}", xml.document(dictionary, model), given)
    one = [(None, {"p0": -2.5, "p1": 0.1, "c1": 0.1, "c2": -0.1})]
    for link, more in _LINKS.items():
        for extra in (
            {},
            {"offsetValue": 0.2},
            {"offsetVariable": "pH"},
            {"trialsValue": 3, "distribution": "binomial"},
        ):
            if extra and link not in {"log", "logit"}:
                continue
            attributes = {"distribution": "normal", **more, **extra}
            sign = -1.0 if link in {"negbin", "logc"} else 1.0
            betas = {**one[0][1], "p1": 0.1 * sign, "p0": -2.5 if sign < 0 else 0.5}
            model = _general(
                (*data.names[:1], "pH"),
                [(None, betas)],
                "quality",
                xml.predicted(),
                modelType="generalizedLinear",
                linkFunction=link,
                **attributes,
            )
            yield Case(f"GLM {link} {extra}", xml.document(dictionary, model), gaps(given, 0.01))
    for kind_name in ("regression", "generalLinear"):
        model = _general(data.names[:2], one, "quality", xml.predicted(), modelType=kind_name)
        yield Case(f"GLM {kind_name}", xml.document(dictionary, model), gaps(given, 0.05))


def classifiers() -> Iterator[Case]:
    """Yield general regressions that classify."""
    data = training()
    given = rows(colour=COLOURS)
    two = xml.numbers(data.names) + xml.category("colour", COLOURS) + xml.category("grade", CLASSES[:2])
    three = two.replace('<Value value="good">', '<Value value="good"></Value><Value value="very good">')
    ordinal = three.replace('name="grade" optype="categorical"', 'name="grade" optype="ordinal"')
    betas = {"p0": -2.5, "p1": 0.2, "p2": 0.9, "c1": 0.1, "c2": -0.1}
    other = {"p0": 1.5, "p1": -0.2, "p2": 0.4, "c1": 0.3, "c2": -0.6}
    for category in ("good", "plain", None):
        for reference in (None, "plain", "good"):
            if category == reference:
                continue
            model = _general(
                data.names[:2],
                [(category, betas)],
                "grade",
                xml.probabilities(CLASSES[:2]),
                functionName="classification",
                modelType="generalizedLinear",
                linkFunction="logit",
                distribution="binomial",
                targetReferenceCategory=reference,
            )
            yield Case(f"GLM classifier {category} {reference}", xml.document(two, model), given)
    for extra in ({}, {"offsetValue": 0.7}, {"offsetVariable": "pH"}):
        model = _general(
            (*data.names[:2], "pH"),
            [("good", betas), ("very good", other)],
            "grade",
            xml.probabilities(CLASSES),
            functionName="classification",
            modelType="multinomialLogistic",
            targetReferenceCategory="plain",
            **extra,
        )
        yield Case(f"multinomial {extra}", xml.document(three, model), gaps(given, 0.02))
    for link in ("logit", "probit", "cloglog", "loglog", "cauchit"):
        for extra in ({}, {"offsetValue": 0.7}, {"offsetVariable": "pH"}):
            shared = {name: beta / 3 for name, beta in betas.items() if name != "p0"}
            model = _general(
                (*data.names[:2], "pH"),
                [("plain", {"p0": -1.0}), ("good", {"p0": 0.4}), (None, shared)],
                "grade",
                xml.probabilities(CLASSES),
                functionName="classification",
                modelType="ordinalMultinomial",
                cumulativeLink=link,
                **extra,
            )
            yield Case(f"ordinal multinomial {link} {extra}", xml.document(ordinal, model), given)
