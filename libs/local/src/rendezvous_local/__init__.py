"""A real Kafka broker and supervised service processes on one machine."""
