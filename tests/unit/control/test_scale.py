"""What a large registry costs, in operations: a message costs the same after a thousand as after none."""

from rendezvous_cli.views import model_rows
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State

from tests.support.calls import count_calls
from tests.support.control import control, model, route

ROUTES = 20
_CALLS_A_MESSAGE = 160
_CALLS_A_ROW = 110


def registry(models: int) -> list[bytes]:
    log = [control(f"m{number}", model(f"m{number}")).SerializeToString() for number in range(models)]
    used = [f"m{number}@1" for number in range(3)]
    return log + [
        control(f"r{number}", route(*used, name=f"r{number}")).SerializeToString() for number in range(ROUTES)
    ]


def fold(log: list[bytes]) -> State:
    state = State()
    for offset, value in enumerate(log):
        state, refused = fold_record(state, value, offset)
        assert refused is None
    return state


def test_a_message_costs_the_same_however_many_there_were() -> None:
    few, many = registry(250), registry(1_000)

    costs = [count_calls(lambda log=log: fold(log)) for log in (few, many)]  # type: ignore[misc]  # bound now

    assert costs[1] - costs[0] < 750 * _CALLS_A_MESSAGE
    assert abs((costs[1] - costs[0]) / 750 - costs[0] / len(few)) < _CALLS_A_MESSAGE


def test_a_row_of_a_list_costs_the_same_however_many_models_and_routes_there_are() -> None:
    few, many = fold(registry(250)), fold(registry(1_000))

    costs = [count_calls(lambda state=state: model_rows(state, {})) for state in (few, many)]  # type: ignore[misc]  # bound now

    assert costs[1] - costs[0] < 750 * _CALLS_A_ROW
