"""Measures Rendezvous beside its references, in one run on one machine: python -m bench."""
