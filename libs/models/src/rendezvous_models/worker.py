"""
The program of a worker process: one model behind a socket, for a process that must not suffer from it.

`python -m rendezvous_models.worker FD PARENT_PID MEMORY_MB`

It dies with its parent. What the model writes to standard output goes nowhere; a native crash leaves its
stack on standard error.
"""

import ctypes
import faulthandler
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from rendezvous_runtime.clock import SystemClock

from rendezvous_models.contract import (
    Answer,
    Failure,
    ModelRuntime,
    Outputs,
    Row,
    SupportsBudget,
    create_runtime,
)
from rendezvous_models.errors import ModelError
from rendezvous_models.golden import golden_rows
from rendezvous_models.golden_recorded import with_recorded
from rendezvous_models.validation import input_fields
from rendezvous_models.warmup import sample_row, warm_up
from rendezvous_models.worker_messages import (
    MAX_BYTES,
    BrokenChannelError,
    Channel,
    Kind,
    LoadOrder,
    answer_to_bytes,
    metadata_to_bytes,
    refusal_to_bytes,
    rows_from_bytes,
)

_PR_SET_PDEATHSIG: Final = 1
_MB: Final = 1 << 20
# A worker is replaced when it has passed its memory, between batches: until then it needs some to go on.
_HEADROOM: Final = 2


def main(descriptor: int, parent: int, memory_mb: int) -> None:
    """Load what the first frame says and predict until the other end is closed."""
    _tie_to(parent)
    _limit(memory_mb)
    faulthandler.enable()
    os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=descriptor))
    with suppress(BrokenChannelError):
        _serve(channel)
    # A thread that the model has left behind must not keep the process.
    os._exit(0)


def _tie_to(parent: int) -> None:
    """Be killed with the thread that started this process, even where the model never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above could take effect
            os._exit(1)


def _limit(memory_mb: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_mb:
        most = _HEADROOM * memory_mb * _MB
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _serve(channel: Channel) -> None:
    _, body = channel.receive()
    try:
        runtime = _load(LoadOrder.from_bytes(body))
    except ModelError as error:
        channel.send(Kind.REFUSED, refusal_to_bytes(str(error), passing=error.passing))
        return
    except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
        reason = f"{type(error).__name__}: {error}"
        channel.send(Kind.REFUSED, refusal_to_bytes(reason, passing=True))
        return
    channel.send(Kind.LOADED, metadata_to_bytes(runtime.metadata()))
    try:
        while True:
            _, body = channel.receive()
            rows, budget_us = rows_from_bytes(body)
            channel.send(Kind.OUTPUTS, _bounded(_answer(runtime, rows, budget_us)))
    except BrokenChannelError:
        runtime.unload()


def _load(order: LoadOrder) -> ModelRuntime:
    """Return the runtime, loaded and warm: a worker that comes back must not be slow at first."""
    runtime = create_runtime(order.descriptor, order.options)
    runtime.load(order.artifact)
    said = with_recorded(order.descriptor, order.artifact) if runtime.unpacks else order.descriptor
    rows = golden_rows(said.golden) or [sample_row(input_fields(said.inputs, runtime.metadata()))]
    with suppress(Exception):  # the gate asks again, and says what is wrong
        warm_up(runtime, rows, SystemClock())
    return runtime


def _answer(runtime: ModelRuntime, rows: Sequence[Row], budget_us: int) -> Answer:
    started = time.monotonic_ns()
    predictions = _predict(runtime, rows, budget_us)
    return Answer(predictions, (time.monotonic_ns() - started) // 1000)


def _predict(runtime: ModelRuntime, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
    try:
        if isinstance(runtime, SupportsBudget):
            return runtime.predict_within(rows, budget_us)
        return runtime.predict(rows)
    except Exception as error:  # noqa: BLE001 - as in the process itself, a batch at most is lost
        return [Failure(f"the model failed: {type(error).__name__}: {error}")] * len(rows)


def _bounded(answer: Answer) -> bytes:
    """Return *answer* as it travels; failures in the place of outputs that are too large for it."""
    body = answer_to_bytes(answer)
    if len(body) <= MAX_BYTES:
        return body
    reason = f"the outputs of the batch have {len(body)} bytes; a worker may send {MAX_BYTES}"
    return answer_to_bytes(Answer([Failure(reason)] * len(answer.predictions), answer.took_us))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
