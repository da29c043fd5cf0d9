"""What is told of several runs."""

import json

import pytest

from bench.errors import BenchError
from bench.report import table
from bench.results import TARGETS, Results, document, quantile


def measured() -> Results:
    results = Results()
    for join, faust in ((60_000.0, 2_000.0), (80_000.0, 2_500.0), (70_000.0, 1_000.0)):
        results.add({"join_requests_per_s": join, "faust_join_requests_per_s": faust})
    return results


def test_the_median_of_the_runs_is_told_beside_its_spread() -> None:
    found = document(measured(), {})

    assert found["join_requests_per_s"] == 70_000
    assert found["spread"]["join_requests_per_s"] == {  # type: ignore[index]  # a document
        "min": 60_000,
        "max": 80_000,
        "runs": [60_000, 80_000, 70_000],
    }


def test_ratios_are_between_medians() -> None:
    assert document(measured(), {})["ratios"] == {"join_to_faust_join": 35.0}


def test_a_dot_in_a_name_makes_a_group() -> None:
    results = Results()
    results.add({"hops.p50_ms": 1.5, "hops.bare_p50_ms": 1.2, "ratios.hops_p50": 1.25})

    found = document(results, {})

    assert found["hops"] == {"p50_ms": 1.5, "bare_p50_ms": 1.2}
    assert found["ratios"] == {"hops_p50": 1.25}


def test_the_document_holds_the_machine_and_is_json() -> None:
    found = document(measured(), {"cores": 2})

    assert json.loads(json.dumps(found))["machine"] == {"cores": 2}


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.01, 1), (0.0, 1)]
)
def test_a_quantile_is_the_value_that_enough_others_do_not_exceed(share: float, expected: int) -> None:
    assert quantile(range(100, 0, -1), share) == expected


def test_a_quantile_of_nothing_is_an_error() -> None:
    with pytest.raises(BenchError, match="nothing was measured"):
        quantile([], 0.5)


def test_a_target_is_met_at_its_value() -> None:
    assert TARGETS["join_requests_per_s"].met(70_000)
    assert not TARGETS["join_requests_per_s"].met(69_999)
    assert TARGETS["default_lateness_ms.p99"].met(2.0)
    assert not TARGETS["default_lateness_ms.p99"].met(2.001)


def test_the_table_has_a_row_for_every_figure_and_ratio() -> None:
    assert table(measured()).row_count == len(measured().medians()) == 3
