"""The status page: what the gateway learns while somebody looks, and how it shows it."""
