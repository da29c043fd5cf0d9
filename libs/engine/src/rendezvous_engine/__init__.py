"""The rendezvous engine: one answer for each request before its deadline, pure."""
