from rendezvous_contracts.values import to_fields
from scoring.v1.answer_pb2 import Answer, Arrival
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.score_pb2 import SCORE_STATUS_EXPIRED, SCORE_STATUS_OK, Score

from examples.wine.demo.evidence import HTTP, Evidence, Logged, Reply
from examples.wine.demo.figures import Delta, Quantiles, figures, quantiles
from examples.wine.demo.revisions import problems, revisions


def _score(number: int, model: str, quality: float, *, ok: bool = True) -> Logged[Score]:
    status = SCORE_STATUS_OK if ok else SCORE_STATUS_EXPIRED
    outputs = to_fields({"quality": quality}) if ok else None
    message = Score(request_id=f"wine-{number}", model=model, status=status, revision=1, outputs=outputs)
    return Logged(0, number, 0, b"", message)


def _answer(number: int, *models: str, revision: int = 1, after_us: int = 8_000) -> Logged[Answer]:
    arrivals = [Arrival(model=model, status=SCORE_STATUS_OK, after_us=after_us) for model in models]
    message = Answer(
        id=f"wine-{number}",
        revision=revision,
        model=models[0] if models else "",
        sent_at_us=1_000_000,
        answered_at_us=1_000_000 + after_us,
        arrivals=arrivals,
    )
    return Logged(0, number, 0, b"", message)


def _input(partition: int, offset: int, revision: int) -> Logged[Input]:
    message = Input(
        id=f"wine-{partition}-{offset}", revision=revision, extracted_at_us=offset * 10 + partition
    )
    return Logged(partition, offset, 0, b"", message)


def test_quantiles_are_of_the_nearest_rank() -> None:
    assert quantiles(range(101)) == Quantiles(101, 50, 99, 100)
    assert quantiles([7.0]) == Quantiles(1, 7.0, 7.0, 7.0)
    assert quantiles([]) == Quantiles(0, 0.0, 0.0, 0.0)


def test_deltas_compare_scores_of_the_same_request_only() -> None:
    scores = [
        _score(1, "canary@1", 5.0),
        _score(1, "forest@1", 6.0),
        _score(2, "forest@1", 4.5),
        _score(2, "canary@1", 5.0),
        _score(3, "forest@1", 9.0),  # without the canary's
        _score(4, "canary@1", 5.0),
        _score(4, "forest@1", 0.0, ok=False),
        _score(1, "forest@1", 7.0),  # the model's first score stands
    ]
    found = figures(Evidence(sent={}, scores=scores), canary="canary@1", output="quality")
    assert found.deltas == {"forest@1": Delta(2, 0.25, 0.75)}
    assert found.statuses == {"canary@1": {"ok": 3}, "forest@1": {"ok": 4, "expired": 1}}


def test_late_scores_are_those_that_the_answer_could_not_choose_from() -> None:
    scores = [_score(1, "forest@1", 6.0), _score(1, "mlp@1", 5.0), _score(1, "mlp@1", 5.0)]
    found = figures(
        Evidence(sent={}, scores=scores, answers=[_answer(1, "forest@1")]), canary="", output="quality"
    )
    assert found.late_scores == 1


def test_latencies_are_told_per_model_and_end_to_end() -> None:
    decision = Decision(
        answer=_answer(1).message,
        arrivals=[
            Arrival(model="forest@1", status=SCORE_STATUS_OK, after_us=9_000),
            Arrival(model="mlp@1", status=SCORE_STATUS_EXPIRED, after_us=90_000),
        ],
    )
    evidence = Evidence(
        sent={"wine-1": HTTP, "wine-2": HTTP},
        replies={"wine-1": Reply(11.0), "wine-2": Reply(1.0, "503: stopping")},
        answers=[_answer(1, after_us=8_000)],
        decisions=[Logged(0, 0, 0, b"", decision)],
    )
    found = figures(evidence, canary="", output="quality")
    assert found.latency == Quantiles(1, 8.0, 8.0, 8.0)
    assert found.http == Quantiles(1, 11.0, 11.0, 11.0)
    assert found.models == {"forest@1": Quantiles(1, 9.0, 9.0, 9.0)}


def test_a_switch_is_told_for_each_partition() -> None:
    inputs = [_input(0, 0, 1), _input(0, 1, 2), _input(1, 0, 1), _input(1, 5, 2)]
    answers = [_answer(1, "forest@1"), _answer(2, "forest@2", revision=2), _answer(3, revision=2)]
    found = revisions(Evidence(sent={}, inputs=inputs, answers=answers))
    assert [tuple(each) for each in found.switches] == [
        (1, 0, 0, 0),
        (1, 1, 0, 1),
        (2, 0, 1, 10),
        (2, 1, 5, 51),
    ]
    assert found.answered == {1: 1, 2: 2}
    assert found.models == {1: {"forest@1": 1}, 2: {"default": 1, "forest@2": 1}}
    assert problems(found, last=2) == []


def test_a_revision_that_goes_back_on_a_partition_is_a_problem() -> None:
    inputs = [_input(3, 0, 1), _input(3, 1, 2), _input(3, 2, 1)]
    found = revisions(Evidence(sent={}, inputs=inputs, answers=[_answer(1, "forest@2", revision=2)]))
    assert problems(found, last=2) == ["partition 3: an older revision follows a newer one"]


def test_a_request_handled_under_two_revisions_is_a_problem() -> None:
    stamped = Logged(0, 0, 0, b"", Input(id="wine-1", revision=2))
    found = revisions(
        Evidence(sent={}, inputs=[stamped], scores=[_score(1, "f@1", 1.0)], answers=[_answer(1, revision=2)])
    )
    assert problems(found, last=2) == ["1 requests were not handled under one revision: wine-1, ..."]


def test_a_roll_out_that_did_not_take_over_is_a_problem() -> None:
    found = revisions(Evidence(sent={}, inputs=[_input(0, 0, 1), _input(1, 0, 1)], answers=[_answer(1)]))
    assert problems(found, last=2) == [
        "revision 2 has passed 0 of 2 partitions",
        "revision 2 answered nothing",
    ]
