"""Taking over what other systems publish: one record after the other, each told what became of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from confluent_kafka import Message
from rendezvous_contracts.errors import ContractError
from rendezvous_contracts.flip23 import Dialect
from rendezvous_contracts.foreign import Foreign
from rendezvous_control.bridging import announce, promotion, read_announcement, speculate
from scoring.v1.control_pb2 import Control

from rendezvous_cli.errors import CliError
from rendezvous_cli.publishing import DONE, REFUSED, Submitter

_MAX_FETCHED = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Bridge:
    """
    Takes over records of the topic `models`, and of the one with timeouts.

    *promote*: whether a model that comes takes over the route of its data type. *root*: the folder in which
    artifacts may lie; None: only those count that the records hold.
    """

    submitter: Submitter
    dialect: Dialect
    promote: bool
    root: Path | None
    tell: Callable[[str], None]

    def model(self, record: Message) -> None:
        """Take over a record of the topic `models`."""
        foreign = _foreign(record, self.submitter.author)
        try:
            announced = read_announcement(record.value() or b"")
            fetched = self._fetch(announced.location) if announced.location else b""
            added = announce(announced, fetched, foreign, self.submitter.state, self.dialect)
        except (ContractError, CliError) as error:
            self._refused(record, str(error))
            return
        result = self._offer(record, added)
        if result == DONE and self.promote and added.HasField("add_model"):
            promoted = promotion(added, foreign, self.submitter.state)
            if promoted is not None:
                self._offer(record, promoted)

    def timeout(self, record: Message) -> None:
        """Take over a record of the topic with timeouts."""
        try:
            message = speculate(
                record.value() or b"", _foreign(record, self.submitter.author), self.submitter.state
            )
        except ContractError as error:
            self._refused(record, str(error))
            return
        self._offer(record, message)

    def _offer(self, record: Message, message: Control) -> str:
        submitted = self.submitter.offer(message)
        if submitted.result == REFUSED:
            self._refused(record, submitted.detail)
        elif submitted.result == DONE:
            self.tell(f"{_place(record)} taken over, at offset {submitted.offset} of control")
        return submitted.result

    def _refused(self, record: Message, why: str) -> None:
        self.tell(f"{_place(record)} refused: {why}")

    def _fetch(self, location: str) -> bytes:
        if self.root is None:
            raise CliError(f"its artifact lies at {location[:200]}: say with --root in which folder such lie")
        url = urlsplit(location)
        if url.scheme not in ("", "file") or url.netloc not in ("", "localhost"):
            raise CliError(f"its artifact lies at {location[:200]}: only files are taken from their place")
        root = self.root.resolve()
        path = (root / unquote(url.path if url.scheme else location)).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise CliError(f"there is no file {location[:200]} in {root}")
        if path.stat().st_size > _MAX_FETCHED:
            raise CliError(f"{path} has more than {_MAX_FETCHED} bytes")
        try:
            return path.read_bytes()
        except OSError as error:
            raise CliError(f"{path} cannot be read: {error.strerror}") from error


def _foreign(record: Message, author: str) -> Foreign:
    at_us = int(record.timestamp()[1] * 1000)
    return Foreign(str(record.topic()), record.partition() or 0, record.offset() or 0, author, at_us)


def _place(record: Message) -> str:
    return f"{record.topic()}, partition {record.partition()}, offset {record.offset()}:"
