"""The model contract, its runtimes, artifacts and micro-batched scoring."""
