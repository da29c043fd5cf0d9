"""Scorecards, rule sets and association rules."""

from collections.abc import Iterator, Sequence

from tests.support.pmml_models import xml
from tests.support.pmml_models.wine import Case, gaps, rows, training

CLASSES = ("plain", "good", "very good")


def _attributes(
    name: str, cuts: Sequence[float], codes: Sequence[str | None], points: Sequence[float]
) -> str:
    ends = [None, *cuts, None]
    attributes = ""
    for place, (code, score) in enumerate(zip(codes, points, strict=True)):
        low, high = ends[place], ends[place + 1]
        parts = [] if low is None else [xml.simple(name, "greaterThan", low)]
        parts += [] if high is None else [xml.simple(name, "lessOrEqual", high)]
        predicate = parts[0]
        if len(parts) > 1:
            predicate = xml.tag("CompoundPredicate", *parts, booleanOperator="and")
        attributes += xml.tag("Attribute", predicate, partialScore=score, reasonCode=code)
    return attributes


def _card(algorithm: str, *, ranks: int, missing: bool, complex_: bool, tied: bool) -> str:
    fields = ("volatile.acidity", "alcohol", "sulphates", "pH")
    names = [name for name in training().names if name in fields]
    cuts = {"volatile.acidity": (0.4, 0.7), "alcohol": (9.8, 11.2), "sulphates": (0.5, 0.7), "pH": (3.2, 3.4)}
    content = ""
    for place, name in enumerate(names):
        letter = "QZAM"[place]
        points = [10.0, 20.0, 30.0] if tied else [10.0 + place, 22.5 - 2 * place, 25.0 + 5 * (place % 2)]
        inside = _attributes(name, cuts[name], (f"{letter}low", f"{letter}mid", None), points)
        if missing:
            inside += xml.tag(
                "Attribute", xml.simple(name, "isMissing"), partialScore=12.0, reasonCode=f"{letter}none"
            )
        content += xml.tag(
            "Characteristic", inside, name=f"{name} score", reasonCode=f"{letter}any", baselineScore=25.0
        )
    if complex_:
        product = xml.apply("*", xml.constant(2.0), xml.ref("density"))
        inside = xml.tag(
            "Attribute", xml.tag("True"), xml.tag("ComplexPartialScore", product), reasonCode="Adense"
        )
        content += xml.tag("Characteristic", inside, name="dense", baselineScore=1.99)
        names.append("density")
    outputs = [xml.predicted("score")]
    outputs += [
        xml.output(f"reason {rank}", "reasonCode", kind="string", rank=rank) for rank in range(1, ranks + 1)
    ]
    return xml.tag(
        "Scorecard",
        xml.schema(names, "quality"),
        xml.outputs(*outputs),
        xml.tag("Characteristics", content),
        functionName="regression",
        initialScore=12.5,
        useReasonCodes=ranks > 0,
        reasonCodeAlgorithm=algorithm,
        baselineMethod="other",
    )


def cards() -> Iterator[Case]:
    """Yield scorecards."""
    dictionary = xml.numbers((*training().names, "quality"))
    for algorithm in ("pointsBelow", "pointsAbove"):
        for ranks in (0, 4):
            for missing in (False, True):
                for tied in (False, True):
                    card = _card(algorithm, ranks=ranks, missing=missing, complex_=not tied, tied=tied)
                    shown = f"scorecard {algorithm} {ranks} {'missing ' * missing}{'tied' * tied}"
                    for version in ("4.1", "4.4") if tied and missing else ("4.4",):
                        document = xml.document(dictionary, card, version=version)
                        yield Case(f"{shown} {version}", document, gaps(rows(), 0.1 if missing else 0.01))


def _rule(score: str, predicate: str, weight: float, confidence: float, place: int) -> str:
    return xml.tag(
        "SimpleRule",
        predicate,
        *(
            xml.tag("ScoreDistribution", value=label, recordCount=3 + 2 * (label == score))
            for label in CLASSES
        ),
        id=f"rule {place}",
        score=score,
        weight=weight,
        confidence=confidence,
        recordCount=100,
        nbCorrect=80,
    )


def rules() -> Iterator[Case]:
    """Yield rule sets."""
    data = training()
    dictionary = xml.numbers(data.names) + xml.category("grade", CLASSES)
    simple = _rule("very good", xml.simple("alcohol", "greaterThan", 11.5), 0.9, 0.95, 1)
    simple += _rule("good", xml.simple("alcohol", "greaterThan", 10.2), 0.6, 0.7, 2)
    inside = _rule("plain", xml.simple("volatile.acidity", "greaterThan", 0.6), 0.7, 0.8, 3)
    inside += _rule("good", xml.simple("sulphates", "greaterThan", 0.75), 0.5, 0.65, 4)
    simple += xml.tag("CompoundRule", xml.simple("alcohol", "lessOrEqual", 12.0), inside)
    simple += _rule("plain", xml.simple("pH", "isMissing"), 0.3, 0.55, 5)
    for criteria in (("firstHit",), ("weightedSum",), ("weightedMax",), ("weightedMax", "firstHit")):
        methods = "".join(xml.tag("RuleSelectionMethod", criterion=criterion) for criterion in criteria)
        ruleset = xml.tag("RuleSet", methods, simple, defaultScore="plain", defaultConfidence=0.5)
        for shown in (
            xml.predicted("label", "string"),
            xml.predicted("label", "string") + xml.output("sure", "confidence"),
        ):
            model = xml.tag(
                "RuleSetModel",
                xml.schema(["alcohol", "volatile.acidity", "sulphates", "pH"], "grade"),
                xml.outputs(shown),
                ruleset,
                functionName="classification",
            )
            name = f"rule set {criteria} {'with confidence' * ('sure' in shown)}"
            yield Case(name, xml.document(dictionary, model), gaps(rows(), 0.05))


def associations() -> Iterator[Case]:
    """Yield association rules."""
    items = ("beer", "crisps", "wine", "cheese", "grapes")
    sets = (
        ("beer",),
        ("crisps",),
        ("wine",),
        ("cheese",),
        ("grapes",),
        ("wine", "cheese"),
        ("beer", "crisps"),
    )
    pairs = (
        (1, 2, 0.31, 0.71),
        (2, 1, 0.31, 0.62),
        (3, 4, 0.22, 0.53),
        (6, 5, 0.13, 0.94),
        (4, 3, 0.22, 0.45),
        (7, 3, 0.05, 0.35),
    )
    content = "".join(xml.tag("Item", id=place, value=item) for place, item in enumerate(items, start=1))
    content += "".join(
        xml.tag(
            "Itemset",
            *(xml.tag("ItemRef", itemRef=items.index(item) + 1) for item in itemset),
            id=place,
            numberOfItems=len(itemset),
        )
        for place, itemset in enumerate(sets, start=1)
    )
    content += "".join(
        xml.tag(
            "AssociationRule",
            antecedent=left,
            consequent=right,
            support=support,
            confidence=confidence,
            lift=1.0 + confidence,
            id=f"rule {place}",
        )
        for place, (left, right, support, confidence) in enumerate(pairs, start=1)
    )
    flags = "".join(xml.category(item, ("true", "false"), kind="boolean") for item in items)
    given = rows(**dict.fromkeys(items, (True, False)))
    for algorithm in ("recommendation", "exclusiveRecommendation", "ruleAssociation"):
        for basis in ("confidence", "support", "lift"):
            outputs = [
                xml.output(
                    f"{feature} {rank}",
                    feature,
                    kind=kind,
                    rank=rank,
                    rankBasis=basis,
                    algorithm=algorithm,
                    rankOrder="descending",
                    isMultiValued="0",
                )
                for feature, kind in (
                    ("entityId", "string"),
                    ("consequent", "string"),
                    ("confidence", "double"),
                )
                for rank in (1, 2)
            ]
            fields = [xml.tag("MiningField", name=item) for item in items]
            model = xml.tag(
                "AssociationModel",
                xml.tag("MiningSchema", *fields),
                xml.outputs(*outputs),
                content,
                functionName="associationRules",
                numberOfTransactions=100,
                numberOfItems=len(items),
                minimumSupport=0.05,
                minimumConfidence=0.3,
                numberOfItemsets=len(sets),
                numberOfRules=len(pairs),
            )
            yield Case(f"association {algorithm} {basis}", xml.document(flags, model, version="4.2"), given)
