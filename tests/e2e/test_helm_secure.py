"""The chart with a broker of somebody else's, which wants TLS and a password, on a real cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.certificates import write_certificate
from tests.support.cluster import CHART, REGISTRY, VERSION, Cluster, why_no_cluster

pytestmark = [pytest.mark.kubernetes, pytest.mark.timeout(1_200)]

NAMESPACE: Final = "rendezvous-secure-test"
BROKER: Final = f"broker.{NAMESPACE}.svc"
USER, PASSWORD = "ada", "of-the-broker"
JAAS: Final = (
    "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'username="{USER}" password="{PASSWORD}" user_{USER}="{PASSWORD}";'
)
SETTINGS: Final = {
    "CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9095",
    "LISTENERS": "SASL_SSL://:9093,CONTROLLER://127.0.0.1:9095",
    "ADVERTISED_LISTENERS": f"SASL_SSL://{BROKER}:9093",
    "LISTENER_SECURITY_PROTOCOL_MAP": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
    "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "INTER_BROKER_LISTENER_NAME": "SASL_SSL",
    "NODE_ID": "1",
    "PROCESS_ROLES": "broker,controller",
    "SASL_MECHANISM_INTER_BROKER_PROTOCOL": "PLAIN",
    "SASL_ENABLED_MECHANISMS": "PLAIN",
    "LISTENER_NAME_SASL__SSL_PLAIN_SASL_JAAS_CONFIG": JAAS,
    "SSL_KEYSTORE_TYPE": "PEM",
    "SSL_KEYSTORE_LOCATION": "/keys/keystore.pem",
    "SSL_TRUSTSTORE_TYPE": "PEM",
    "SSL_TRUSTSTORE_LOCATION": "/keys/ca.crt",
    "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "LOG_DIRS": "/tmp/kafka",  # noqa: S108 - in the pod
    "HEAP_OPTS": "-Xmx512m",
}
VALUES: Final[dict[str, Any]] = {
    "kafka": {
        "singleNode": {"enabled": False},
        "bootstrapServers": f"{BROKER}:9093",
        "replicationFactor": 1,
        "security": {
            "protocol": "SASL_SSL",
            "sasl": {"mechanism": "PLAIN", "existingSecret": "kafka-user"},
            "tls": {"existingSecret": "kafka-ca"},
        },
    },
    "gateway": {"replicas": 1},
    "decoy": {"enabled": False},
    "models": {"wine-forest-2": {"enabled": False}},
}


def broker() -> dict[str, Any]:
    env = [{"name": f"KAFKA_{name}", "value": value} for name, value in SETTINGS.items()]
    container = {
        "name": "kafka",
        "image": f"{REGISTRY}/apache/kafka:4.1.1".lstrip("/"),
        "env": env,
        "resources": {"requests": {"cpu": "50m"}},
        "readinessProbe": {"tcpSocket": {"port": 9093}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    spec = {
        "enableServiceLinks": False,
        "securityContext": security,
        "containers": [container],
        "volumes": [{"name": "keys", "secret": {"secretName": "broker-keys"}}],
    }
    metadata = {"name": "broker", "labels": {"app": "broker"}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    ports = {"ports": [{"port": 9093}], "selector": {"app": "broker"}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "broker"}, "spec": ports}
    return {"apiVersion": "v1", "kind": "List", "items": [pod, service]}


def secret(name: str, **texts: str) -> str:
    named = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    return json.dumps(named | {"stringData": {key.replace("_", "."): text for key, text in texts.items()}})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A namespace with a broker that lets in who has its certificate's signer and a password."""
    if why := why_no_cluster():
        pytest.skip(why)
    folder: Path = tmp_path_factory.mktemp("certificates")
    certificate, key = (path.read_text() for path in write_certificate(folder, BROKER))
    with Cluster(NAMESPACE) as cluster:
        for each in (
            secret("broker-keys", keystore_pem=key + certificate, ca_crt=certificate),
            secret("kafka-ca", ca_crt=certificate),
            secret("kafka-user", username=USER, password=PASSWORD),
            json.dumps(broker()),
        ):
            cluster.kubectl("apply", "--filename", "-", stdin=each)
        cluster.kubectl("wait", "--for=condition=Ready", "pod/broker", "--timeout=180s")
        yield cluster


def test_a_release_on_a_broker_with_tls_and_a_password_answers(cluster: Cluster, tmp_path: Path) -> None:
    values = tmp_path / "values.json"
    values.write_text(json.dumps(VALUES))
    images = ("--set", f"image.tag={VERSION}", "--set", f"global.imageRegistry={REGISTRY}")
    given = ("--values", str(CHART / "ci" / "wine-values.yaml"), "--values", str(values), *images)
    cluster.helm("install", "wine", str(CHART), *given, "--wait", "--timeout", "10m")
    assert "Phase:          Succeeded" in cluster.helm("test", "wine", "--timeout", "5m")
    found = cluster.get("deployments", "app.kubernetes.io/instance=wine")
    assert PASSWORD not in json.dumps(found)
