import pytest
from rendezvous_client.errors import BadQuestionError
from rendezvous_client.questions import Question, partition_of, to_request
from rendezvous_contracts.values import from_fields


def test_a_question_becomes_a_request_with_its_stamp() -> None:
    question = Question(
        "wine", {"alcohol": 9.4}, budget_us=30_000, key="ada", model="wine-forest@3", id="q-1"
    )

    request = to_request(question, 7)

    assert (request.id, request.route, request.sent_at_us, request.budget_us) == ("q-1", "wine", 7, 30_000)
    assert (request.key, request.model, from_fields(request.fields)) == (
        "ada",
        "wine-forest@3",
        {"alcohol": 9.4},
    )


def test_each_question_has_an_id_of_its_own() -> None:
    assert Question("wine", {}).id != Question("wine", {}).id


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (Question("Wine", {}), "route name"),
        (Question("wine", {"a": float("nan")}), "a: nan is not a finite number"),
        (Question("wine", {"a": object()}), "a: a object"),
        (Question("wine", {}, id="a b"), "request id"),
        (Question("wine", {}, model="forest"), "name@version"),
        (Question("wine", {}, budget_us=-1), "budget -1 us"),
        (Question("wine", {}, budget_us=2**32), "budget 4294967296 us"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(question: Question, problem: str) -> None:
    with pytest.raises(BadQuestionError, match=problem):
        to_request(question, 0)


def test_a_request_goes_where_librdkafka_would_put_its_id() -> None:
    # CRC-32 of "123456789" is 0xCBF43926, the check value of its specification.
    assert partition_of("123456789", 1000) == 0xCBF43926 % 1000
