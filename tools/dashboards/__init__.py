"""Grafana dashboards as code: each module is one dashboard, panels.py what they have in common."""
