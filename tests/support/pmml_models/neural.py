"""Neural networks."""

from collections.abc import Iterator

from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

from examples.wine import pmml as wine_pmml
from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, gaps, rows, training

CLASSES = ("plain", "good", "very good")
_FUNCTIONS = (
    "threshold", "logistic", "tanh", "identity", "exponential", "reciprocal", "square", "Gauss", "sine",
    "cosine", "Elliott", "arctan", "rectifier", "radialBasis",
)  # fmt: skip


def _small(function: str, normalization: str | None, *, classes: bool, **attributes: object) -> str:
    """Return a network of two inputs, three hidden neurons and three outputs or one."""
    inputs = "".join(
        xml.tag(
            "NeuralInput",
            xml.tag(
                "DerivedField",
                xml.tag(
                    "NormContinuous",
                    xml.tag("LinearNorm", orig=low, norm=0),
                    xml.tag("LinearNorm", orig=high, norm=1),
                    field=name,
                ),
                optype="continuous",
                dataType="double",
            ),
            id=f"0,{place}",
        )
        for place, (name, low, high) in enumerate((("alcohol", 8.0, 15.0), ("pH", 2.5, 4.5)))
    )
    width = {"width": 1.2, "altitude": 1.1} if function == "radialBasis" else {}
    hidden = "".join(
        xml.tag(
            "Neuron",
            xml.tag("Con", from_="0,0", weight=0.7 - 0.5 * place),
            xml.tag("Con", from_="0,1", weight=0.2 + 0.3 * place),
            id=f"1,{place}",
            bias=0.1 * place if function != "radialBasis" else None,
        )
        for place in range(3)
    )
    last = "".join(
        xml.tag(
            "Neuron",
            *(xml.tag("Con", from_=f"1,{each}", weight=0.4 * (each - place) + 0.3) for each in range(3)),
            id=f"2,{place}",
            bias=0.05,
        )
        for place in range(3 if classes else 1)
    )
    goals = (
        [xml.tag("NormDiscrete", field="grade", value=label) for label in CLASSES]
        if classes
        else [
            xml.tag(
                "NormContinuous",
                xml.tag("LinearNorm", orig=-3000.0, norm=-100),
                xml.tag("LinearNorm", orig=8000.0, norm=100),
                field="quality",
            )
        ]
    )
    results = "".join(
        xml.tag(
            "NeuralOutput",
            xml.tag(
                "DerivedField",
                goal,
                optype="categorical" if classes else "continuous",
                dataType="string" if classes else "double",
            ),
            outputNeuron=f"2,{place}",
        )
        for place, goal in enumerate(goals)
    )
    return xml.tag(
        "NeuralNetwork",
        xml.schema(["alcohol", "pH"], "grade" if classes else "quality"),
        xml.outputs(xml.probabilities(CLASSES) if classes else xml.predicted()),
        xml.tag("NeuralInputs", inputs),
        xml.tag("NeuralLayer", hidden, **width),
        xml.tag("NeuralLayer", last, activationFunction="identity", **attributes),
        xml.tag("NeuralOutputs", results),
        functionName="classification" if classes else "regression",
        activationFunction=function,
        normalizationMethod=normalization,
    )


def cases() -> Iterator[Case]:
    """Yield fitted networks, and small ones with every function."""
    data = training()
    scaler = StandardScaler().fit(data.x)
    x = scaler.transform(data.x)
    dictionary = xml.numbers((*data.names, "quality")) + xml.category("grade", CLASSES)
    for function in ("tanh", "logistic", "relu"):
        fitted = MLPRegressor(
            hidden_layer_sizes=(6, 4), activation=function, max_iter=400, tol=0.01, random_state=1
        ).fit(x, data.y)
        document = wine_pmml.network(scaler, fitted, data.names, "quality")
        yield Case(f"network of the wine example {function}", document, gaps(rows(), 0.01))
    for function in _FUNCTIONS:
        model = _small(function, None, classes=False)
        yield Case(f"network {function}", xml.document(dictionary, model), rows())
    for where in ("model", "layer"):
        for method in ("none", "simplemax", "softmax"):
            layer = {"normalizationMethod": method} if where == "layer" else {}
            model = _small("logistic", method if where == "model" else None, classes=True, **layer)
            yield Case(f"network classifier {method} {where}", xml.document(dictionary, model), rows())
    yield fitted_classifier()


def fitted_classifier() -> Case:
    """Return a fitted classifier: the regressor's writer, with a softmax and an output for each class."""
    data = training()
    scaler = StandardScaler().fit(data.x)
    fitted = MLPClassifier(
        hidden_layer_sizes=(5,), activation="tanh", max_iter=400, tol=0.01, random_state=1
    ).fit(scaler.transform(data.x), data.grade)
    document = wine_pmml.network(scaler, fitted, data.names, "grade")
    head, _, tail = document.partition("<NeuralOutputs")
    results = "".join(
        xml.tag(
            "NeuralOutput",
            xml.tag(
                "DerivedField",
                xml.tag("NormDiscrete", field="grade", value=str(label)),
                optype="categorical",
                dataType="string",
            ),
            outputNeuron=f"2,{place}",
        )
        for place, label in enumerate(fitted.classes_)
    )
    document = f"{head}<NeuralOutputs>{results}</NeuralOutputs>{tail.partition('</NeuralOutputs>')[2]}"
    document = document.replace(
        '<DataField name="grade" optype="continuous" dataType="double"/>', xml.category("grade", CLASSES)
    )
    output = document[document.index("<Output>") : document.index("</Output>")]
    document = document.replace(output, f"<Output>{xml.probabilities(CLASSES)}")
    document = document.replace('functionName="regression"', 'functionName="classification"')
    last = document.rindex('<NeuralLayer activationFunction="identity">')
    document = document[:last] + document[last:].replace(
        "<NeuralLayer ", '<NeuralLayer normalizationMethod="softmax" ', 1
    )
    return Case("network fitted classifier", document, rows())
