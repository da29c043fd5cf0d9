"""How the settings let Faust and aiokafka in at the broker."""

import ssl
from typing import Any

from faust.auth import SASLCredentials, SSLCredentials

from rendezvous_runtime.settings import KafkaSettings


def auth_arguments(settings: KafkaSettings) -> dict[str, Any]:
    """Return aiokafka's arguments for the security that *settings* ask for."""
    arguments: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if settings.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        arguments["sasl_mechanism"] = settings.sasl_mechanism
        arguments["sasl_plain_username"] = settings.sasl_username
        arguments["sasl_plain_password"] = _secret(settings)
    return arguments


def faust_credentials(settings: KafkaSettings) -> SASLCredentials | SSLCredentials | None:
    """Return the same for Faust's producer; None for a broker that lets everybody in."""
    context = _ssl_context(settings) if settings.security_protocol.endswith("SSL") else None
    if settings.security_protocol.startswith("SASL"):
        return SASLCredentials(
            username=settings.sasl_username,
            password=_secret(settings),
            ssl_context=context,
            mechanism=settings.sasl_mechanism,
        )
    return SSLCredentials(context) if context else None


def _secret(settings: KafkaSettings) -> str:
    return settings.sasl_password.get_secret_value() if settings.sasl_password else ""


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ssl_ca_location)
    if settings.ssl_certificate_location:
        password = settings.ssl_key_password
        context.load_cert_chain(
            settings.ssl_certificate_location,
            settings.ssl_key_location,
            password.get_secret_value() if password else None,
        )
    return context
