"""The Kafka data plane, the Faust shell and what every service needs around its logic."""
