import pytest

from examples.wine.demo.options import read_options


def test_without_options_all_wines_are_sent_in_real_time() -> None:
    options = read_options([])
    assert (options.requests, options.slow_motion) == (1599, 1.0)
    assert str(options.report) == "build/demo.json"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--requests", "0"),
        ("--requests", "1600"),
        ("--rate", "0"),
        ("--rate", "nan"),
        ("--slow-motion", "0.5"),
    ],
)
def test_an_option_out_of_range_is_a_usage_error(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        read_options([option, value])
    assert option in capsys.readouterr().err
