"""A broker that lets in over TLS only who knows a password, or has a certificate."""

from pathlib import Path
from typing import Final

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port

from tests.support.certificates import write_certificate

USER: Final = "ada"
PASSWORD: Final = "a long word"  # noqa: S105 - of this broker alone

_PROPERTIES: Final = """
listeners=BROKER://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},\
  SECURED://127.0.0.1:{secured},MUTUAL://127.0.0.1:{mutual}
advertised.listeners=BROKER://127.0.0.1:{plain},SECURED://127.0.0.1:{secured},MUTUAL://127.0.0.1:{mutual}
controller.quorum.voters=1@127.0.0.1:{controller}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL,MUTUAL:SSL
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.secured.plain.sasl.jaas.config=\\
  org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.secured.scram-sha-512.sasl.jaas.config=\\
  org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.certificate.chain={certificate}
ssl.keystore.key={key}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.certificates={known}
"""


class SecuredBroker(Broker):
    """
    A broker with a second door, *secured*, of SASL_SSL: SCRAM-SHA-512 and PLAIN, for USER with PASSWORD.

    A third, *mutual*, is of SSL for who has a certificate; its key is encrypted with PASSWORD. *ca* is the
    certificate that clients have to trust. The first door stays open.
    """

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, heap="256m", short_lived=True)
        self._secured_port, self._mutual_port = free_port(), free_port()
        folder = self.data_dir / "client"
        folder.mkdir(parents=True)
        self.ca, self._key = write_certificate(self.data_dir)
        self._client, self._client_key = write_certificate(folder, password=PASSWORD)

    @property
    def secured(self) -> str:
        """Where clients reach the door that is locked, host:port."""
        return f"127.0.0.1:{self._secured_port}"

    @property
    def mutual(self) -> str:
        """Where clients with a certificate reach it, host:port."""
        return f"127.0.0.1:{self._mutual_port}"

    def prepare(self) -> list[str]:
        """As without: what is said later in a file of properties holds."""
        argv = super().prepare()
        properties = _PROPERTIES.format(
            plain=self.port,
            controller=free_port(),
            secured=self._secured_port,
            mutual=self._mutual_port,
            user=USER,
            password=PASSWORD,
            certificate=_one_line(self.ca),
            key=_one_line(self._key),
            known=_one_line(self._client),
        )
        with (self.data_dir / "server.properties").open("a") as file:
            file.write(properties)
        return argv

    def start(self) -> None:
        """Start it and have it know USER."""
        super().start()
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        told = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        entry = UserScramCredentialUpsertion(USER, told, PASSWORD.encode())
        for future in admin.alter_user_scram_credentials([entry]).values():
            future.result(30)

    def environment(self, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
        """Return what a client is told so that it is let in."""
        return {
            "RENDEZVOUS_BOOTSTRAP_SERVERS": self.secured,
            "RENDEZVOUS_SECURITY_PROTOCOL": "SASL_SSL",
            "RENDEZVOUS_SASL_MECHANISM": mechanism,
            "RENDEZVOUS_SASL_USERNAME": USER,
            "RENDEZVOUS_SASL_PASSWORD": password,
            "RENDEZVOUS_SSL_CA_LOCATION": str(self.ca),
        }

    def certified(self) -> dict[str, str]:
        """Return what a client with a certificate is told so that it is let in."""
        return {
            "RENDEZVOUS_BOOTSTRAP_SERVERS": self.mutual,
            "RENDEZVOUS_SECURITY_PROTOCOL": "SSL",
            "RENDEZVOUS_SSL_CA_LOCATION": str(self.ca),
            "RENDEZVOUS_SSL_CERTIFICATE_LOCATION": str(self._client),
            "RENDEZVOUS_SSL_KEY_LOCATION": str(self._client_key),
            "RENDEZVOUS_SSL_KEY_PASSWORD": PASSWORD,
        }


def _one_line(pem: Path) -> str:
    return pem.read_text().strip().replace("\n", "\\n")
