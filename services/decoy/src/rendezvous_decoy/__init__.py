"""Looks like a model and archives what really came in."""
