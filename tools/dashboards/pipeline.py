# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""The dashboard of the pipeline: how far each service is behind, what it moves, and what goes wrong."""

from typing import Any, Final

from tools.dashboards.panels import heat, lines, new_dashboard, number

_LAG_STEPS: Final = ((None, "green"), (1.0, "orange"), (10.0, "red"))
_ERROR_STEPS: Final = ((None, "green"), (0.001, "red"))
_AGE_STEPS: Final = ((None, "green"), (60.0, "orange"), (300.0, "red"))
_BY_SERVICE: Final = "on (instance, job) group_left (service) rendezvous_service_info"


def build() -> Any:
    """Return the dashboard."""
    board = new_dashboard(
        "pipeline",
        "Rendezvous / Pipeline",
        "The services on the log: how far behind, how much, what goes wrong.",
    )
    for panel in (*_numbers(), *_flow(), *_trouble(), *_archive()):
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Any]:
    return [
        number(
            "Ready",
            "Processes that can do their work.",
            ("sum (rendezvous_service_ready)", "ready"),
            unit="short",
        ),
        number(
            "Not ready",
            "Processes that wait for something: `rendezvous get services` says for what.",
            ("count (rendezvous_service_ready == 0) or vector(0)", "not ready"),
            unit="short",
            steps=((None, "green"), (1, "red")),
        ),
        number(
            "Requests",
            "Requests in a second that come into the log.",
            ("sum (rate(rendezvous_extractor_requests_total[$__rate_interval]))", "requests"),
            unit="reqps",
        ),
        number(
            "Largest lag",
            "The longest that any service is behind on any partition.",
            ("max (rendezvous_plane_lag_seconds)", "lag"),
            unit="s",
            steps=_LAG_STEPS,
        ),
        number(
            "Dead letters",
            "Records in the chosen time that no service could read.",
            (
                'sum (increase(rendezvous_plane_records_sent_total{topic="dead-letters"}[$__range])) or vector(0)',
                "dead letters",
            ),
            unit="short",
            steps=((None, "green"), (1, "red")),
        ),
        number(
            "Oldest row not archived",
            "Age of the oldest record that the decoy has read and not yet archived.",
            ("max (rendezvous_decoy_oldest_row_seconds)", "age"),
            unit="s",
            steps=_AGE_STEPS,
        ),
    ]


def _flow() -> list[Any]:
    return [
        lines(
            "Lag in records",
            "Records that a service has not read yet, by topic.",
            (
                f"sum by (service, topic) (rendezvous_plane_lag_records * {_BY_SERVICE})",
                "{{service}} {{topic}}",
            ),
            unit="short",
        ),
        lines(
            "Lag in seconds",
            "Age of the newest record that a service has read, where there are more: how far behind now it is.",
            (
                f"max by (service, topic) (rendezvous_plane_lag_seconds * {_BY_SERVICE})",
                "{{service}} {{topic}}",
            ),
            unit="s",
            steps=_LAG_STEPS,
        ),
        lines(
            "Records read",
            "Records that each service reads in a second, by topic.",
            (
                (
                    "sum by (service, topic)"
                    f" (rate(rendezvous_plane_records_read_total[$__rate_interval]) * {_BY_SERVICE})"
                ),
                "{{service}} {{topic}}",
            ),
            unit="ops",
        ),
        lines(
            "Records written",
            "Records that each service writes in a second, by topic.",
            (
                (
                    "sum by (service, topic)"
                    f" (rate(rendezvous_plane_records_sent_total[$__rate_interval]) * {_BY_SERVICE})"
                ),
                "{{service}} {{topic}}",
            ),
            unit="ops",
        ),
        heat(
            "Records in a batch",
            "Batches in a second by how many records they had: large ones show a service that catches up.",
            "sum by (le) (rate(rendezvous_plane_batch_records_bucket[$__rate_interval]))",
            unit="short",
        ),
        lines(
            "Time for a batch",
            "How long a service's handler takes for a batch, 99 of 100.",
            (
                (
                    "histogram_quantile(0.99, sum by (le, service)"
                    f" (rate(rendezvous_plane_handler_seconds_bucket[$__rate_interval]) * {_BY_SERVICE}))"
                ),
                "{{service}} p99",
            ),
            unit="s",
        ),
        lines(
            "Lateness of timers",
            "How much later than asked for a timer was served, 99 of 100: it adds to what waits for a deadline.",
            (
                (
                    "histogram_quantile(0.99, sum by (le, service)"
                    f" (rate(rendezvous_plane_timer_lateness_seconds_bucket[$__rate_interval]) * {_BY_SERVICE}))"
                ),
                "{{service}} p99",
            ),
            unit="s",
            steps=((None, "green"), (0.005, "orange"), (0.02, "red")),
        ),
        lines(
            "Not acknowledged",
            "Records that were written and that the broker has not acknowledged.",
            (
                f"sum by (service) (rendezvous_plane_sends_in_flight * {_BY_SERVICE})",
                "{{service}}",
            ),
            unit="short",
        ),
    ]


def _trouble() -> list[Any]:
    return [
        lines(
            "Requests by outcome",
            "Requests in a second by what the feature-extractor made of them. problem: no features could be "
            "computed; dead_letter: no request at all.",
            (
                "sum by (outcome) (rate(rendezvous_extractor_requests_total[$__rate_interval]))",
                "{{outcome}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Inputs by outcome",
            "Inputs in a second by what the rendezvous made of them: opened is the rule.",
            (
                "sum by (outcome) (rate(rendezvous_inputs_total[$__rate_interval]))",
                "{{outcome}}",
            ),
            unit="ops",
            stacked=True,
        ),
        lines(
            "Dead letters by service",
            "Records in a second that a service could not read; they are in the topic dead-letters with the "
            "reason.",
            (
                (
                    "sum by (service) (rate(rendezvous_plane_records_sent_total"
                    f'{{topic="dead-letters"}}[$__rate_interval]) * {_BY_SERVICE})'
                ),
                "{{service}}",
            ),
            unit="ops",
            steps=_ERROR_STEPS,
        ),
        lines(
            "HTTP responses",
            "Responses of the gateway in a second, by status.",
            (
                "sum by (status) (rate(rendezvous_gateway_responses_total[$__rate_interval]))",
                "{{status}}",
            ),
            unit="reqps",
            stacked=True,
        ),
    ]


def _archive() -> list[Any]:
    return [
        lines(
            "Rows archived",
            "Rows that the decoy archives in a second, by topic.",
            (
                "sum by (topic) (rate(rendezvous_decoy_rows_archived_total[$__rate_interval]))",
                "{{topic}}",
            ),
            unit="ops",
        ),
        lines(
            "Archive: not written yet",
            "Age of the oldest row that is read and not archived, and the size of the archive's growth.",
            ("max (rendezvous_decoy_oldest_row_seconds)", "oldest row"),
            unit="s",
            steps=_AGE_STEPS,
        ),
        lines(
            "Memory",
            "Resident memory of each process.",
            (
                "process_resident_memory_bytes * on (instance, job) group_left (service) rendezvous_service_info",
                "{{service}} {{instance}}",
            ),
            unit="bytes",
        ),
        lines(
            "CPU",
            "Processor time that each process uses: 1 is one core.",
            (
                f"sum by (service, instance) (rate(process_cpu_seconds_total[$__rate_interval]) * {_BY_SERVICE})",
                "{{service}} {{instance}}",
            ),
            unit="none",
        ),
    ]
