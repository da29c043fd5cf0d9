"""A ramp through the whole system: every request is decided by the shares of the revision that it carries."""

from collections import Counter
from functools import partial

from rendezvous_contracts.shares import bucket_of
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import RampRoute, Share

from tests.support.control import asked
from tests.support.questions import FOREST, LINEAR, MLP, MS
from tests.support.whole import Whole

STEPS = (100, 1_000, 5_000, 10_000)
EACH = 250


def ramp(whole: Whole, share: int) -> None:
    """Give *share* of the first tier to the linear model, which no other tier names."""
    shares = [Share(model=FOREST, share=10_000 - share), Share(model=LINEAR, share=share)]
    state = whole.control.state
    message = asked(f"ramp-{share}", RampRoute(name="wine", shares=shares), expected=1 + STEPS.index(share))
    folded = apply(state, message, state.next_offset)
    assert isinstance(folded, State), folded
    whole.control.publish(folded)


def test_each_answer_comes_from_whom_the_shares_of_its_revision_draw() -> None:
    whole = Whole(seed=5)
    for number in range((len(STEPS) + 1) * EACH):
        whole.after(number * 500, partial(whole.ask, f"r{number}"))
    for step, share in enumerate(STEPS, start=1):
        whole.after(step * EACH * 500 - 100, partial(ramp, whole, share))
    whole.system.run_for((len(STEPS) + 1) * EACH * 500 + 500 * MS)

    answers = {name: Answer.FromString(found[0]) for name, found in whole.answers().items()}
    assert answers.keys() == whole.sent.keys()
    assert not whole.late()
    shares = dict(enumerate((0, *STEPS), start=1))
    for name, answer in answers.items():
        drawn = bucket_of("wine", name.encode()) >= 10_000 - shares[answer.revision]
        assert answer.model == (LINEAR if drawn else FOREST), (name, answer.revision)
    by_revision = Counter(answer.revision for answer in answers.values())
    assert by_revision.keys() == shares.keys()
    assert MLP not in {answer.model for answer in answers.values()}
