"""Passes every message of one topic on to another with Quix Streams."""

import sys
import tempfile

from quixstreams import Application


def main(bootstrap_servers: str, group: str, source: str, target: str) -> None:
    """Run until it is ended from outside."""
    with tempfile.TemporaryDirectory() as state_dir:
        app = Application(
            broker_address=bootstrap_servers,
            consumer_group=group,
            auto_offset_reset="earliest",
            # The client's settings that help our own join help here too.
            consumer_extra_config={"fetch.queue.backoff.ms": 1},
            state_dir=state_dir,
            auto_create_topics=False,
            use_changelog_topics=False,
            loglevel="WARNING",
        )
        read = app.topic(source, value_deserializer="bytes")
        written = app.topic(target, value_serializer="bytes")
        app.dataframe(read).to_topic(written)
        app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
