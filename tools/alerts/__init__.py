"""Prometheus alerts as code: what is recorded, and what wakes whom."""
