"""What the data plane counts reaches the registry that was given."""

from prometheus_client import CollectorRegistry
from rendezvous_runtime.metrics import PlaneMetrics


def test_what_is_read_and_sent_is_counted_by_topic() -> None:
    registry = CollectorRegistry()
    metrics = PlaneMetrics(registry)
    metrics.read({"inputs": 3, "scores": 2})
    metrics.read({"inputs": 1})
    metrics.sent({"answers": 4}, in_flight=2)
    value = registry.get_sample_value
    assert value("rendezvous_plane_records_read_total", {"topic": "inputs"}) == 4
    assert value("rendezvous_plane_records_read_total", {"topic": "scores"}) == 2
    assert value("rendezvous_plane_records_sent_total", {"topic": "answers"}) == 4
    assert value("rendezvous_plane_sends_in_flight") == 2


def test_a_batch_is_counted_with_its_size_and_its_time() -> None:
    registry = CollectorRegistry()
    metrics = PlaneMetrics(registry)
    metrics.batch(5, us=2_000)
    metrics.batch(1, us=1_000)
    assert registry.get_sample_value("rendezvous_plane_batch_records_sum") == 6
    assert registry.get_sample_value("rendezvous_plane_handler_seconds_count") == 2
    assert registry.get_sample_value("rendezvous_plane_handler_seconds_sum") == 0.003


def test_an_observation_is_in_the_bucket_that_ends_with_it() -> None:
    registry = CollectorRegistry()
    PlaneMetrics(registry).late(2_500)

    def up_to(edge: str) -> float | None:
        return registry.get_sample_value("rendezvous_plane_timer_lateness_seconds_bucket", {"le": edge})

    assert [up_to("0.001"), up_to("0.0025"), up_to("+Inf")] == [0, 1, 1]


def test_the_lag_of_partitions_that_were_given_up_is_forgotten() -> None:
    registry = CollectorRegistry()
    metrics = PlaneMetrics(registry)
    metrics.lag("inputs", 2, 17, 1.5)
    where = {"topic": "inputs", "partition": "2"}
    assert registry.get_sample_value("rendezvous_plane_lag_records", where) == 17
    metrics.assigned(0)
    assert registry.get_sample_value("rendezvous_plane_lag_records", where) is None


def test_two_services_in_one_process_do_not_share_metrics() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    PlaneMetrics(first).assigned(4)
    PlaneMetrics(second)
    assert first.get_sample_value("rendezvous_plane_partitions_assigned") == 4
    assert second.get_sample_value("rendezvous_plane_partitions_assigned") == 0
