"""
Repairs of models, type by type.

Each function changes the parsed document so that the evaluator computes what the specification demands; its
docstring says what that is, and what the evaluator does otherwise.
"""

from xml.etree.ElementTree import Element

from rendezvous_models.runtimes.pmml_markup import (
    classes_of,
    is_classifier,
    make,
    models,
    place_before,
    target_of,
    unsupported,
)


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
