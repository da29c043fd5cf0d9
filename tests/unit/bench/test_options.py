"""The command line of the bench."""

import sys

import pytest

from bench.__main__ import main


def test_an_unknown_case_is_a_usage_error_that_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "joins"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert "no case is called joins; there are: confluent, join," in capsys.readouterr().err
