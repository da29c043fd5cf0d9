"""Support-vector machines, k-means, nearest neighbours and naive Bayes."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, Training, gaps, rows, training

CLASSES = ("plain", "good", "very good")
COLOURS = ("red", "dark red", "rosé")


def _scaled(data: Training) -> tuple[Any, str, list[str]]:
    """Return the scaled features, their LocalTransformations, and the names of those."""
    scaler = StandardScaler().fit(data.x)
    names = [f"z({name})" for name in data.names]
    fields = "".join(
        xml.derived(
            names[place],
            xml.apply(
                "/",
                xml.apply("-", xml.ref(name), xml.constant(float(scaler.mean_[place]))),
                xml.constant(float(scaler.scale_[place])),
            ),
        )
        for place, name in enumerate(data.names)
    )
    return scaler.transform(data.x), xml.tag("LocalTransformations", fields), names


def _kernel(fitted: Any) -> str:
    gamma, coef0 = float(fitted._gamma), float(fitted.coef0)
    match fitted.kernel:
        case "linear":
            return xml.tag("LinearKernelType")
        case "poly":
            return xml.tag("PolynomialKernelType", gamma=gamma, coef0=coef0, degree=float(fitted.degree))
        case "sigmoid":
            return xml.tag("SigmoidKernelType", gamma=gamma, coef0=coef0)
        case _:
            return xml.tag("RadialBasisKernelType", gamma=gamma)


def _vectors(fitted: Any, names: list[str], joined: str) -> str:
    fields = xml.tag("VectorFields", *(xml.ref(name) for name in names), numberOfFields=len(names))
    vectors = "".join(
        xml.tag("VectorInstance", xml.array(vector.tolist(), joined=joined), id=f"v{place}")
        for place, vector in enumerate(fitted.support_vectors_)
    )
    return xml.tag("VectorDictionary", fields, vectors)


def _machine(
    used: Sequence[str], coefficients: Sequence[float], intercept: float, **attributes: object
) -> str:
    """Return a machine of support vectors, or of plain coefficients if it uses none."""
    supports = xml.tag("SupportVectors", *(xml.tag("SupportVector", vectorId=each) for each in used))
    values = "".join(xml.tag("Coefficient", value=float(each)) for each in coefficients)
    content = (supports if used else "") + xml.tag("Coefficients", values, absoluteValue=float(intercept))
    return xml.tag("SupportVectorMachine", content, **attributes)


def _one_against_one(fitted: Any, sign: float) -> str:
    """Return a machine for each pair of classes; the first wins above 0, or below if *sign* is -1."""
    starts = np.concatenate([[0], np.cumsum(fitted.n_support_)])
    machines, pair = "", 0
    for first in range(len(fitted.classes_)):
        for second in range(first + 1, len(fitted.classes_)):
            ours = list(range(starts[first], starts[first + 1]))
            theirs = list(range(starts[second], starts[second + 1]))
            coefficients = [*fitted.dual_coef_[second - 1][ours], *fitted.dual_coef_[first][theirs]]
            machines += _machine(
                [f"v{each}" for each in ours + theirs],
                [sign * each for each in coefficients],
                sign * fitted.intercept_[pair],
                targetCategory=fitted.classes_[first],
                alternateTargetCategory=fitted.classes_[second],
            )
            pair += 1
    return machines


def _model(content: Sequence[str], target: str, *machines: str, **attributes: object) -> str:
    data = training()
    classes = target == "grade"
    dictionary = xml.numbers((*data.names, "quality")) + xml.category("grade", CLASSES)
    shown = xml.predicted("label", "string") if classes else xml.predicted()
    model = xml.tag(
        "SupportVectorMachineModel",
        xml.schema(data.names, target),
        xml.outputs(shown),
        *content,
        *machines,
        functionName="classification" if classes else "regression",
        **attributes,
    )
    return xml.document(dictionary, model)


def machines() -> Iterator[Case]:
    """Yield support vector machines."""
    data = training()
    x, local, names = _scaled(data)
    sample = slice(0, 150)
    for kernel in ("linear", "poly", "rbf", "sigmoid"):
        fitted = SVC(kernel=kernel, decision_function_shape="ovo").fit(x[sample], data.grade[sample])
        below, above = _one_against_one(fitted, -1.0), _one_against_one(fitted, 1.0)
        for joined in (" ", "\n   "):
            content = (local, _kernel(fitted), _vectors(fitted, names, joined))
            document = _model(content, "grade", below, classificationMethod="OneAgainstOne")
            wins = _model(content, "grade", above, classificationMethod="OneAgainstOne", maxWins=True)
            lines = " of lines" * (joined != " ")
            yield Case(f"SVC {kernel}{lines}", document, gaps(rows(), 0.01))
            yield Case(f"SVC {kernel} max wins{lines}", wins, rows(), document)
        regressor = SVR(kernel=kernel).fit(x[sample], data.y[sample])
        used = [f"v{place}" for place in range(len(regressor.support_))]
        machine = _machine(used, regressor.dual_coef_[0], regressor.intercept_[0])
        content = (local, _kernel(regressor), _vectors(regressor, names, " "))
        yield Case(f"SVR {kernel}", _model(content, "quality", machine), rows())
    yield from _plain_machines()


def _plain_machines() -> Iterator[Case]:
    """Yield machines of coefficients; to the referee they are machines of the unit vectors."""
    fields = xml.tag("VectorFields", xml.ref("alcohol"), xml.ref("pH"), numberOfFields=2)
    units = "".join(
        xml.tag("VectorInstance", xml.array(each), id=name)
        for name, each in (("v0", (1.0, 0.0)), ("v1", (0.0, 1.0)))
    )
    weights = (((0.3, -0.4), -1.9), ((-0.2, 0.8), 0.5), ((0.1, 0.1), 0.2))
    plain = (xml.tag("LinearKernelType"), xml.tag("VectorDictionary", fields, numberOfVectors=0))
    vectors = (xml.tag("LinearKernelType"), xml.tag("VectorDictionary", fields, units, numberOfVectors=2))
    for sign, wins in ((1.0, None), (1.0, False), (-1.0, True)):

        def machine(used: Sequence[str], place: int, sign: float = sign, **attributes: object) -> str:
            values, intercept = weights[place]
            factor = 1.0 if used else sign
            return _machine(used, [factor * each for each in values], factor * intercept, **attributes)

        every = [
            [machine(used, place, targetCategory=label) for place, label in enumerate(CLASSES)]
            for used in ((), ("v0", "v1"))
        ]
        document = _model(plain, "grade", *every[0], svmRepresentation="Coefficients", maxWins=wins)
        yield Case(f"SVM one against all {wins}", document, rows(), _model(vectors, "grade", *every[1]))
        for threshold in (None, 0.1):
            pair: dict[str, Any] = {"targetCategory": "good", "alternateTargetCategory": "plain"}
            attributes = {"classificationMethod": "OneAgainstOne"}
            limit = None if threshold is None else threshold * sign
            document = _model(
                plain,
                "grade",
                machine((), 0, **pair),
                svmRepresentation="Coefficients",
                maxWins=wins,
                threshold=limit,
                **attributes,
            )
            judged = _model(
                vectors, "grade", machine(("v0", "v1"), 0, **pair), threshold=threshold, **attributes
            )
            yield Case(f"SVM of two classes {wins} {threshold}", document, rows(), judged)


def clusters() -> Iterator[Case]:
    """Yield k-means."""
    data = training()
    x, local, names = _scaled(data)
    fitted = KMeans(5, n_init=1, random_state=1).fit(x)
    shown = xml.outputs(
        xml.predicted("cluster", "string"),
        xml.output("name", "predictedDisplayValue", kind="string"),
        xml.output("distance", "affinity"),
        *(xml.output(f"distance {place}", "affinity", value=place) for place in range(1, 6)),
    )
    measures = (
        "euclidean", "squaredEuclidean", "chebychev", "cityBlock", 'minkowski p-parameter="3"',
    )  # fmt: skip
    for measure in measures:
        for joined, named in ((" ", True), ("\n", False)):
            fields = "".join(
                xml.tag("ClusteringField", field=name, fieldWeight=1.0 + place % 2)
                for place, name in enumerate(names)
            )
            clusters = "".join(
                xml.tag(
                    "Cluster",
                    xml.array(center.tolist(), joined=joined),
                    id=place if named else None,
                    name=f"group {place}",
                )
                for place, center in enumerate(fitted.cluster_centers_, start=1)
            )
            model = xml.tag(
                "ClusteringModel",
                xml.schema(data.names),
                shown,
                local,
                xml.tag("ComparisonMeasure", f"<{measure}/>", kind="distance", compareFunction="absDiff"),
                fields,
                clusters,
                functionName="clustering",
                modelClass="centerBased",
                numberOfClusters=5,
            )
            shown_name = f"k-means {measure}{' without ids' * (not named)}"
            yield Case(shown_name, xml.document(xml.numbers(data.names), model), gaps(rows(), 0.01))


def bayes() -> Iterator[Case]:
    """Yield naive Bayes."""
    data = training()
    fitted = GaussianNB().fit(data.x, data.grade)
    numeric = "".join(
        xml.tag(
            "BayesInput",
            xml.tag(
                "TargetValueStats",
                *(
                    xml.tag(
                        "TargetValueStat",
                        xml.tag(
                            "GaussianDistribution",
                            mean=float(fitted.theta_[klass][place]),
                            variance=float(fitted.var_[klass][place]),
                        ),
                        value=label,
                    )
                    for klass, label in enumerate(fitted.classes_)
                ),
            ),
            fieldName=name,
        )
        for place, name in enumerate(data.names)
    )
    counts = ((40, 3, 0), (30, 20, 6), (5, 0, 9))
    colours = xml.tag(
        "BayesInput",
        *(
            xml.tag(
                "PairCounts",
                xml.tag(
                    "TargetValueCounts",
                    *(
                        xml.tag("TargetValueCount", value=label, count=count)
                        for label, count in zip(CLASSES, line, strict=True)
                    ),
                ),
                value=colour,
            )
            for colour, line in zip(COLOURS, counts, strict=True)
        ),
        fieldName="colour",
    )
    binned = xml.tag(
        "BayesInput",
        xml.derived(
            "band",
            xml.tag(
                "Discretize",
                *(
                    xml.tag(
                        "DiscretizeBin",
                        xml.tag("Interval", closure="closedOpen", leftMargin=low, rightMargin=high),
                        binValue=name,
                    )
                    for name, low, high in (("low", 0, 10), ("mid", 10, 12), ("high", 12, 13))
                ),
                field="alcohol",
            ),
            "string",
        ),
        *(
            xml.tag(
                "PairCounts",
                xml.tag(
                    "TargetValueCounts",
                    *(
                        xml.tag("TargetValueCount", value=label, count=count)
                        for label, count in zip(CLASSES, line, strict=True)
                    ),
                ),
                value=band,
            )
            for band, line in zip(("low", "mid", "high"), counts, strict=True)
        ),
        fieldName="alcohol",
    )
    totals = xml.tag(
        "BayesOutput",
        xml.tag(
            "TargetValueCounts",
            *(
                xml.tag("TargetValueCount", value=label, count=count)
                for label, count in zip(CLASSES, (744, 638, 217), strict=True)
            ),
        ),
        fieldName="grade",
    )
    for declared in (CLASSES, ()):
        for name, inputs in (
            ("numeric", numeric),
            ("mixed", numeric + colours),
            ("binned", binned + colours),
        ):
            dictionary = xml.numbers(data.names) + xml.category("colour", COLOURS)
            dictionary += xml.category("grade", declared)
            used = [*data.names, "colour"] if name != "binned" else ["alcohol", "colour"]
            for threshold, treatment in ((0.001, "returnInvalid"), (0.001, "asIs"), (0.0, "asMissing")):
                if name != "numeric" or treatment == "returnInvalid":
                    values = (*COLOURS, "white") if treatment != "returnInvalid" else COLOURS
                    model = xml.tag(
                        "NaiveBayesModel",
                        xml.schema(used, "grade", colour={"invalidValueTreatment": treatment}),
                        xml.outputs(xml.probabilities(CLASSES)),
                        xml.tag("BayesInputs", inputs),
                        totals,
                        functionName="classification",
                        threshold=threshold,
                    )
                    shown = f"bayes {name} {declared} {threshold} {treatment}"
                    given = gaps(rows(colour=values), 0.05)
                    yield Case(shown, xml.document(dictionary, model, version="4.2"), given)
