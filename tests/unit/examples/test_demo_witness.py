import os
import signal
import time

from examples.wine.demo.evidence import Evidence, Standstill
from examples.wine.demo.witness import Witness

STOPPED_S = 0.3


def test_the_witness_notes_for_how_long_it_could_not_run() -> None:
    with Witness() as witness:
        os.kill(witness.pid, signal.SIGSTOP)
        stopped_us = time.time_ns() // 1_000
        time.sleep(STOPPED_S)
        on_us = time.time_ns() // 1_000
        os.kill(witness.pid, signal.SIGCONT)

    evidence = Evidence(sent={}, standstills=witness.standstills)
    assert evidence.stood_still_us(stopped_us, on_us) >= 0.9 * STOPPED_S * 1e6


def test_what_two_processors_stood_still_together_counts_once() -> None:
    still = [Standstill(0, 10), Standstill(5, 20), Standstill(6, 8), Standstill(30, 40)]

    found = Evidence(sent={}, standstills=still)
    assert [found.stood_still_us(*between) for between in ((0, 50), (8, 35), (20, 30), (38, 39))] == [
        30,
        17,
        0,
        1,
    ]
