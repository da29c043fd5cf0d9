"""Ask, send and control from Python."""
