# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""The services: down, stuck, behind, or not of one mind with the control log."""

from typing import Final

from tools.alerts.alert import Alert, Group

_SERVICE: Final = "on (instance, job) group_left (service) rendezvous_service_info"

SERVICES: Final = Group(
    "rendezvous-services",
    (
        Alert(
            "RendezvousServiceDown",
            "page",
            "count by (service) (last_over_time(rendezvous_service_info[1h]))"
            " unless count by (service) (rendezvous_service_info)",
            "1m",
            "No process of {{ $labels.service }} is there",
            "There were some within the last hour.",
        ),
        Alert(
            "RendezvousServiceNotReady",
            "page",
            "max by (service) (rendezvous_service_ready) == 0",
            "5m",
            "No process of {{ $labels.service }} is ready",
            "They run and wait for something, which they tell on /health/ready.",
        ),
        Alert(
            "RendezvousDataPlaneStuck",
            "page",
            f"(time() - rendezvous_plane_turned_timestamp_seconds > 30) * {_SERVICE}",
            "1m",
            "{{ $labels.service }} at {{ $labels.instance }} has not read for {{ $value | humanizeDuration }}",
            "Its data thread hangs, or waits for a broker that takes nothing.",
        ),
        Alert(
            "RendezvousLag",
            "page",
            "max by (service, topic)"
            f' (rendezvous_plane_lag_seconds{{topic!="outcomes"}} * {_SERVICE}{{service!="decoy"}}) > 5',
            "5m",
            "{{ $labels.service }} is {{ $value | humanizeDuration }} behind on {{ $labels.topic }}",
            "It reads more slowly than records come: answers are late, and then defaults.",
        ),
        Alert(
            "RendezvousArchiveBehind",
            "ticket",
            "max by () (rendezvous_decoy_oldest_row_seconds) > 300"
            f' or max by () (rendezvous_plane_lag_seconds * {_SERVICE}{{service="decoy"}}) > 300'
            " or sum by () (increase(rendezvous_decoy_flush_failures_total[5m])) > 0",
            "5m",
            "The archive is behind",
            "Nothing is lost while the log keeps it: what the decoy has not archived is still in Kafka.",
        ),
        Alert(
            "RendezvousDeadLetters",
            "ticket",
            'sum by (service) (increase(rendezvous_plane_records_sent_total{topic="dead-letters"}[10m])'
            f" * {_SERVICE}) > 0",
            "0m",
            "{{ $labels.service }} could not read {{ $value | humanize }} records",
            "They are in the topic dead-letters, whole, with the reason in their headers.",
        ),
    ),
)

CONTROL: Final = Group(
    "rendezvous-control",
    (
        Alert(
            "RendezvousRevisionStuck",
            "page",
            "sum by (route) (increase(rendezvous_decisions_behind_total[2m])) > 0"
            " and on (route) max by (route) (changes(rendezvous_route_revision[5m])) == 0",
            "5m",
            "Route {{ $labels.route }}: requests are still decided under a revision that was replaced",
            "A switch is over when all partitions have passed it, which takes seconds.",
        ),
        Alert(
            "RendezvousControlBehind",
            "page",
            "max by () (rendezvous_control_offset)"
            " - on () group_right () min by (service) (rendezvous_control_offset) > 0",
            "2m",
            "{{ $labels.service }} has not applied {{ $value }} control messages that others have",
            "It works by an old state: models and revisions that came since are unknown to it.",
        ),
        Alert(
            "RendezvousControlRefused",
            "ticket",
            "max by () (increase(rendezvous_control_refused_total[10m])) > 0",
            "0m",
            "A control message was refused",
            "It changed nothing. Whoever sent it may believe that it did.",
        ),
        Alert(
            "RendezvousDeploymentFailed",
            "ticket",
            "max by (deployment) (rendezvous_operator_deployment_failed) == 1",
            "5m",
            "Deployment {{ $labels.deployment }} has failed",
            "Its containers cannot be started, or keep ending.",
        ),
    ),
)
