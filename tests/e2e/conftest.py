"""What the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from tests.support.polling import is_within
from tests.support.processes import alive, kill_left_over, left_over
from tests.support.stacks import Running, running

_TO_END_S = 5.0


@pytest.fixture(scope="module", autouse=True)
def _leak_guard() -> Iterator[None]:
    """In place of the guard by test: a stack serves a whole module, and restarts what a test kills."""
    before = alive()
    yield
    if not is_within(lambda: not left_over(before), _TO_END_S):
        names = ", ".join(left_over(before))
        kill_left_over(before)
        pytest.fail(f"left behind: {names}")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The whole system, for all tests of a module."""
    with running(tmp_path_factory.mktemp("stack")) as system:
        yield system
