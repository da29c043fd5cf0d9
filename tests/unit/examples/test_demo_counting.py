from dataclasses import replace

import pytest
from rendezvous_contracts.values import to_fields
from scoring.v1.answer_pb2 import SOURCE_DEFAULT, SOURCE_MODEL, Answer
from scoring.v1.request_pb2 import Request

from examples.wine.demo.counting import TOLERANCE_MS, Counts, count, failures
from examples.wine.demo.evidence import HTTP, KAFKA, Archived, Evidence, Logged, Reply, Standstill
from examples.wine.demo.lateness import Late

SLA_US = 100_000
SENT_AT = 1_790_000_000_000_000
QUICK_US = 8_000


def _request(number: int) -> Logged[Request]:
    message = Request(id=f"wine-{number}", route="wine", sent_at_us=SENT_AT + number)
    return Logged(number % 2, number, message.sent_at_us, message.SerializeToString(), message)


def _answer(
    number: int, after_us: int = QUICK_US, *, offset: int = -1, quality: float = 5.0
) -> Logged[Answer]:
    sent_at_us = SENT_AT + number
    message = Answer(
        id=f"wine-{number}",
        route="wine",
        revision=1,
        source=SOURCE_MODEL,
        model="wine-forest@1",
        tier=1,
        outputs=to_fields({"quality": quality}),
        sent_at_us=sent_at_us,
        deadline_us=sent_at_us + SLA_US,
        answered_at_us=sent_at_us + after_us,
    )
    stamp_us = message.answered_at_us // 1000 * 1000
    return Logged(
        number % 2,
        number if offset < 0 else offset,
        stamp_us,
        message.SerializeToString(deterministic=True),
        message,
    )


def _evidence(total: int = 4) -> Evidence:
    """A run in which everything went well; requests of even numbers came over HTTP."""
    sent = {f"wine-{number}": (HTTP, KAFKA)[number % 2] for number in range(total)}
    reply = Reply(12.0, "", "model", "wine-forest@1", 1, {"quality": 5.0})
    return Evidence(
        sent=sent,
        replies={each: reply for each, way in sent.items() if way == HTTP},
        requests=[_request(number) for number in range(total)],
        answers=[_answer(number) for number in range(total)],
        archived=Archived(list(sent), list(sent)),
    )


def _counted(evidence: Evidence) -> Counts:
    return count(evidence, sla_us=SLA_US)


def test_a_run_in_which_all_went_well_meets_every_criterion() -> None:
    counts = _counted(_evidence())
    assert failures(counts) == []
    assert (counts.sent, counts.answered, counts.within_sla, counts.archived) == (4, 4, 4, 4)
    assert (counts.duplicates, len(counts.lost), counts.dead_letters) == (0, 0, 0)
    assert counts.by_way == {HTTP: 2, KAFKA: 2}
    assert counts.by_tier == {1: 4}
    assert counts.by_source == {"model": 4}


def test_an_answer_beyond_the_tolerance_is_too_late() -> None:
    evidence = _evidence()
    late = _answer(1, SLA_US + TOLERANCE_MS * 1000 + 1)
    counts = _counted(replace(evidence, answers=[*evidence.answers[:1], late, *evidence.answers[2:]]))
    assert counts.answered == 4
    assert counts.within_sla == 3
    (words,) = failures(counts)
    assert words == "too late: 1 (wine-1) answered after the deadline + 10 ms, by up to 10.0 ms"


def test_an_answer_after_the_deadline_and_within_the_tolerance_counts_and_is_shown() -> None:
    evidence = _evidence(1)
    counts = _counted(replace(evidence, answers=[_answer(0, SLA_US + TOLERANCE_MS * 1000)]))
    assert counts.within_sla == 1
    assert counts.late == {"wine-0": Late(TOLERANCE_MS)}
    assert failures(counts) == []


@pytest.mark.parametrize(
    ("until_us", "in_time"),
    [(30_000, True), (29_999, False)],
)
def test_what_the_machine_stood_still_since_the_question_does_not_count(until_us: int, in_time: bool) -> None:
    deadline_us = SENT_AT + SLA_US
    still = [
        Standstill(SENT_AT - 90_000, SENT_AT),
        Standstill(SENT_AT - 10_000, SENT_AT + 5_000),
        Standstill(SENT_AT + 2_000, SENT_AT + 4_000),  # another processor, at the same time
        Standstill(deadline_us + 5_000, deadline_us + until_us),
    ]
    answers = [_answer(0, SLA_US + 30_000 + TOLERANCE_MS * 1000)]
    counts = _counted(replace(_evidence(1), answers=answers, standstills=still))

    assert (counts.within_sla, counts.by_the_machine) == (in_time, in_time)
    assert bool(failures(counts)) is not in_time


@pytest.mark.parametrize(
    ("source", "still_us", "forgiven"),
    [("gateway", 20_000, True), ("gateway", 19_999, False), ("default", 20_000, False)],
)
def test_a_caller_whom_the_gateways_timer_answered_while_the_machine_stood_still_is_forgiven(
    source: str, still_us: int, forgiven: bool
) -> None:
    given_us = SENT_AT + 95_000
    reply = Reply(95.0 + 20.0 + TOLERANCE_MS, "", source, "", 1, {"quality": -1.0})
    still = [Standstill(given_us + 1_000, given_us + 1_000 + still_us)]
    evidence = replace(_evidence(1), answers=[_answer(0, 95_000)], replies={"wine-0": reply})
    counts = _counted(replace(evidence, standstills=still))

    assert (list(counts.overtaken), bool(counts.unlike)) == ((["wine-0"], False) if forgiven else ([], True))
    assert not _counted(evidence).overtaken


def test_the_broker_s_stamp_counts_where_it_is_later_than_the_answer_s_own() -> None:
    evidence = _evidence(1)
    appended = _answer(0)._replace(stamp_us=SENT_AT + SLA_US + 50_000)
    counts = _counted(replace(evidence, answers=[appended]))
    assert counts.within_sla == 0
    assert "by up to 50.0 ms" in failures(counts)[0]


def test_the_deadline_is_counted_from_the_request_not_from_what_the_answer_says_about_it() -> None:
    evidence = _evidence(1)
    liar = _answer(0, 200_000)
    liar.message.sent_at_us += 150_000
    liar.message.deadline_us += 150_000
    assert _counted(replace(evidence, answers=[liar])).within_sla == 0


def test_a_request_without_a_stamp_was_asked_when_its_record_says() -> None:
    evidence = _evidence(1)
    unstamped = _request(0)
    unstamped.message.sent_at_us = 0
    assert _counted(replace(evidence, requests=[unstamped])).late == {}


def test_an_answer_to_a_request_that_is_not_in_the_log_is_not_in_time() -> None:
    counts = _counted(replace(_evidence(1), requests=[]))
    assert counts.within_sla == 0
    assert failures(counts)


def test_a_request_without_an_answer_is_lost() -> None:
    evidence = _evidence()
    counts = _counted(replace(evidence, answers=evidence.answers[:3]))
    assert (counts.answered, counts.lost) == (3, ["wine-3"])
    assert failures(counts) == ["lost: 1 (wine-3) sent and not answered"]


@pytest.mark.parametrize(("quality", "words"), [(5.0, "with the same bytes"), (6.0, "with another answer")])
def test_a_second_answer_is_a_duplicate_whatever_it_says(quality: float, words: str) -> None:
    evidence = _evidence()
    again = _answer(2, offset=9, quality=quality)
    counts = _counted(replace(evidence, answers=[again, *evidence.answers]))
    assert (counts.answered, counts.duplicates, counts.within_sla) == (4, 1, 4)
    assert failures(counts) == [f"duplicates: 1 (wine-2) answered again {words}"]


def test_an_answer_to_what_was_not_sent_is_named() -> None:
    evidence = _evidence()
    counts = _counted(replace(evidence, answers=[*evidence.answers, _answer(77)]))
    assert counts.answered == 4
    assert failures(counts) == ["answers to what was never sent: 1 (wine-77)"]


def test_a_request_that_is_not_archived_is_named() -> None:
    evidence = _evidence()
    ids = [each for each in evidence.sent if each != "wine-1"]
    counts = _counted(replace(evidence, archived=Archived(ids, ids)))
    assert counts.archived == 3
    assert failures(counts) == ["archive: 1 (wine-1) sent and not archived"]


def test_a_request_that_is_archived_twice_is_told() -> None:
    evidence = _evidence()
    counts = _counted(replace(evidence, archived=Archived([*evidence.sent, "wine-1"], list(evidence.sent))))
    assert failures(counts) == ["archive: 5 rows for 4 requests sent"]


def test_a_gap_in_the_archive_is_told() -> None:
    evidence = _evidence()
    defects = ["inputs, partition 0: missing offsets 3-4; 0 rows twice"]
    counts = _counted(replace(evidence, archived=replace(evidence.archived, defects=defects)))
    assert failures(counts) == [f"archive: {defects[0]}"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(5.0, "429: too many requests"), "429"),
        (Reply(120.0, "", "gateway", "", 1, {"quality": 5.6}), "gateway"),
        (Reply(9.0, "", "model", "wine-forest@1", 1, {"quality": 5.1}), "model"),
        (None, "no response"),
    ],
)
def test_an_http_caller_has_to_get_the_answer_that_the_log_has(reply: Reply | None, words: str) -> None:
    evidence = _evidence()
    replies = {each: found for each, found in evidence.replies.items() if each != "wine-2"}
    counts = _counted(replace(evidence, replies=replies | ({"wine-2": reply} if reply else {})))
    assert words in counts.unlike["wine-2"]
    assert failures(counts) == ["over HTTP: 1 (wine-2) got an error, or another answer than the log has"]


def test_defaults_count_as_answers_of_no_model_and_no_tier() -> None:
    evidence = _evidence(2)
    default = _answer(1, SLA_US)
    default.message.source, default.message.model, default.message.tier = SOURCE_DEFAULT, "", 0
    counts = _counted(replace(evidence, answers=[evidence.answers[0], default]))
    assert counts.by_source == {"default": 1, "model": 1}
    assert counts.by_tier == {0: 1, 1: 1}
    assert counts.by_model == {"-": 1, "wine-forest@1": 1}


def test_dead_letters_and_foreign_bytes_fail_the_run() -> None:
    counts = _counted(replace(_evidence(), dead_letters=2, undecodable=1))
    assert failures(counts) == ["dead letters: 2", "records that are not what their topic holds: 1"]


def test_many_ids_are_cut_short() -> None:
    counts = _counted(replace(_evidence(6), answers=[], replies={}))
    assert failures(counts)[0] == "lost: 6 (wine-0, wine-1, wine-2, ...) sent and not answered"
