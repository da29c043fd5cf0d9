"""Questions as programs ask them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zlib import crc32

from rendezvous_contracts.errors import ContractError
from rendezvous_contracts.names import check_name, check_request_id, parse_model_id
from rendezvous_contracts.values import to_fields
from scoring.v1.request_pb2 import Request

from rendezvous_client.errors import BadQuestionError

_MAX_BUDGET_US: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Question:
    """
    One question on *route*.

    *budget_us*: how long the asker can wait, in microseconds; it can only tighten the route's SLA, and 0 is
    the SLA itself. *key*: what a ramp hashes. *model*: the model (name@version) that shall answer. *id*: an
    id of its own unless one is given; asked again with the same id and body, it gets the same answer.
    """

    route: str
    fields: Mapping[str, object]
    budget_us: int = 0
    key: str = ""
    model: str = ""
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


def to_request(question: Question, now_us: int) -> Request:
    """Return *question* as a message sent at *now_us*; raises BadQuestionError with what is wrong with it."""
    if not 0 <= question.budget_us <= _MAX_BUDGET_US:
        raise BadQuestionError(f"budget {question.budget_us} us: use 0 to {_MAX_BUDGET_US}")
    try:
        return Request(
            id=check_request_id(question.id),
            route=check_name(question.route, "route name"),
            sent_at_us=now_us,
            budget_us=question.budget_us,
            fields=to_fields(question.fields),
            key=question.key,
            model=str(parse_model_id(question.model)) if question.model else "",
        )
    except ContractError as error:
        raise BadQuestionError(str(error)) from error


def partition_of(request_id: str, partitions: int) -> int:
    """
    Return the partition of a request that is written without a gateway: CRC-32 of its id modulo *partitions*.

    So do the default partitioners of librdkafka and all its clients with the id as the key; a repeated id
    comes to the same partition, which is what makes its answer the same.
    """
    return crc32(request_id.encode()) % partitions
