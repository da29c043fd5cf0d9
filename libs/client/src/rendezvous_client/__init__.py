"""Ask, send and control from Python."""

from rendezvous_client.answers import Answered
from rendezvous_client.asking import Asker
from rendezvous_client.control import ControlPublisher, ControlReader, new_control, read_state
from rendezvous_client.errors import ClientError
from rendezvous_client.following import follow, follow_answers, follow_decisions
from rendezvous_client.gateway import GatewayAsker
from rendezvous_client.kafka import Kafka
from rendezvous_client.log import Bound, Entry, read_log, read_state_at
from rendezvous_client.questions import Question
from rendezvous_client.status import StatusReader, read_status, wait_applied

__all__ = [
    "Answered",
    "Asker",
    "Bound",
    "ClientError",
    "ControlPublisher",
    "ControlReader",
    "Entry",
    "GatewayAsker",
    "Kafka",
    "Question",
    "StatusReader",
    "follow",
    "follow_answers",
    "follow_decisions",
    "new_control",
    "read_log",
    "read_state",
    "read_state_at",
    "read_status",
    "wait_applied",
]
