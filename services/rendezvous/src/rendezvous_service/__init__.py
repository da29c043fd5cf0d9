"""The engine on the stream."""
