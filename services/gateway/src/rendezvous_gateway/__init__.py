"""HTTP in, the log inside, an answer in time."""
