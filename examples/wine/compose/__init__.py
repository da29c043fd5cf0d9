"""The wine example in containers: what docker-compose.yml runs beside the services."""
