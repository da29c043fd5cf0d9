"""Generated from proto/scoring/v1; do not edit."""
