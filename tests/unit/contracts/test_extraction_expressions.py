import math

import pytest
from rendezvous_contracts.errors import BadExpressionError
from rendezvous_contracts.extraction_expressions import parse_expression

VALUES = {"a": 2.0, "b": 3.0, "Säure": 5.0, "fixed acidity": 7.0, "min": 11.0, "x.y": 13.0}

RESULTS = [
    ("1", 1.0),
    (".5e1", 5.0),
    ("a + b * 2", 8.0),
    ("(a + b) * 2", 10.0),
    ("a - b - 1", -2.0),
    ("12 / a / b", 2.0),
    ("-a ** 2", -4.0),
    ("(-a) ** 2", 4.0),
    ("a ** -1", 0.5),
    ("a ** b ** 2", 512.0),
    ("--a", 2.0),
    ("a * -b", -6.0),
    ("min(a, b, 1)", 1.0),
    ("max(a, b)", 3.0),
    ("abs(a - b)", 1.0),
    ("log(exp(a))", 2.0),
    ("sqrt(a * 8)", 4.0),
    ("floor(-a / b)", -1.0),
    ("round(2.5) + round(3.5)", 6.0),
    ("Säure + 1", 6.0),
    ("'fixed acidity' * 2", 14.0),
    ('"x.y" - 3', 10.0),
    ("min * 2", 22.0),
    ("min(min, a)", 2.0),
    ("  a\n+\tb ", 5.0),
]


@pytest.mark.parametrize(("text", "expected"), RESULTS)
def test_an_expression_has_the_value_of_arithmetic(text: str, expected: float) -> None:
    found = parse_expression(text, "target").evaluate(VALUES)

    assert math.isclose(found, expected, rel_tol=1e-15)
    assert type(found) is float


def test_an_expression_knows_the_fields_that_it_reads() -> None:
    assert parse_expression("a + min(b, 'fixed acidity') - a", "t").fields == ("a", "b", "fixed acidity")


UNREADABLE = [
    ("", "character 1: expected a number, a field or '(', found 'the end'"),
    ("a b", "character 3: expected an operator, found 'b'"),
    ("2a", "character 2: expected an operator, found 'a'"),
    ("1.2.3", "character 4: expected an operator, found '.3'"),
    ("a +* b", "character 4: expected a number, a field or '(', found '*'"),
    ("(a", "character 3: expected ')', found 'the end'"),
    ("a)", "character 2: expected an operator, found ')'"),
    ("'a", 'character 1: "\'" has no meaning here'),
    ("a @ b", "character 3: '@' has no meaning here"),
    ("__import__('os')", "character 1: no function '__import__'; there are min max abs log"),
    ("a.b", "character 2: '.' has no meaning here"),
    ("a[0]", "character 2: '[' has no meaning here"),
    ("min(a)", "character 1: min takes 2 to 16 arguments, not 1"),
    ("log(a, 2)", "character 1: log takes one argument, not 2"),
    ("min()", "character 5: expected a number, a field or '(', found ')'"),
    ("1e999", "character 1: 1e999 is too large for a number"),
    ("1 / 0", "the expression never has a value: has no value: division by zero"),
    ("a" * 1001, "the expression has 1001 characters; at most 1000 are allowed"),
    ("(" * 65 + "a" + ")" * 65, "character 65: more than 64 operations within each other"),
    ("-" * 65 + "a", "character 65: more than 64 operations within each other"),
    ("+".join("a" * 66), "character 130: more than 64 operations within each other"),
    ("**".join("a" * 66), "character 193: more than 64 operations within each other"),
]


@pytest.mark.parametrize(("text", "expected"), UNREADABLE)
def test_what_is_no_expression_is_refused_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(BadExpressionError) as caught:
        parse_expression(text, "t")

    assert str(caught.value).startswith(expected)
