"""What the bench writes is what the services read."""

from rendezvous_contracts.routes import scoring_models
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import Model
from scoring.v1.input_pb2 import Input
from scoring.v1.score_pb2 import Score

from bench import records
from bench.engine_alone import join, new_engine
from bench.join import ROUTE, SLA_US
from bench.scale import PARTITIONS


def test_the_control_log_is_accepted_in_whole() -> None:
    route = records.route("r", 1_000_000, *records.MODELS)
    state = State()
    for offset, (_, _, _, value) in enumerate(records.control(route, models=records.constant_models())):
        state, refused = fold_record(state, value, offset)
        assert refused is None

    assert state.routes["r"].current.number == records.REVISION
    assert set(scoring_models(state.routes["r"].current.route)) == set(records.MODELS)


def test_a_model_that_is_removed_can_be_followed_by_its_next_version() -> None:
    first, second = next(records.constant_models()), Model()
    second.CopyFrom(first)
    second.version = "2"
    state = State()
    written = [*records.control(models=[first]), records.removal(first), *records.control(models=[second])]
    for offset, (_, _, _, value) in enumerate(written):
        state, refused = fold_record(state, value, offset)
        assert refused is None

    assert [name for name, entry in state.models.items() if not entry.removed] == [f"{second.name}@2"]


def test_each_model_scores_each_question_and_they_take_turns_at_being_first() -> None:
    first = []
    for _, key, asked, scores in records.questions("r", 1_000, 6):
        parsed = [Score.FromString(each) for each in scores]
        assert Input.FromString(asked).id.encode() == key
        assert {each.request_id.encode() for each in parsed} == {key}
        assert {each.model for each in parsed} == set(records.MODELS)
        first.append(parsed[0].model)

    assert first == [*records.MODELS, *records.MODELS]


def test_the_backlog_keeps_every_request_in_one_partition() -> None:
    places: dict[bytes, set[int]] = {}
    for _, partition, key, _ in records.backlog("r", 1_000, 20):
        places.setdefault(key, set()).add(partition)

    assert all(len(found) == 1 for found in places.values())
    assert {number for found in places.values() for number in found} == set(range(PARTITIONS))


def test_plain_messages_have_200_bytes() -> None:
    assert {len(value) for _, _, _, value in records.plain("t", 5)} == {200}


def test_the_engine_alone_decides_every_question() -> None:
    questions = list(records.questions(ROUTE, SLA_US, 30))

    assert join(new_engine(), questions, 0) == 30
