"""Generated from proto/scoring/inference; do not edit."""
