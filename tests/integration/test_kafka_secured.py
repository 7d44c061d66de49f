"""Kafka over TLS with client certificates and SASL: the settings reach a broker that insists on both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from alphaads_pipelines.errors import StreamUnavailable
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.streams import kafka, kafka_python
from alphaads_pipelines.streams.base import OffsetRange, Record
from alphaads_pipelines.wiring.app import wired
from deploy.servers import Kafka

USER, PASSWORD = "alphaads", "a-password-for-tests"
CLIENTS = ("kafka", "kafka_python")


@dataclass(frozen=True)
class _Signed:
    """A key and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_pem(self) -> bytes:
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def _sign(name: str, authority: _Signed | None = None) -> _Signed:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    )
    return _Signed(key, builder.sign(authority.key if authority else key, hashes.SHA256()))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, broker.pem (key and certificate), client.pem and client.key."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = _sign("authority")
    broker, client = _sign("broker", authority), _sign("client", authority)
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    (folder / "broker.pem").write_bytes(broker.key_pem + broker.certificate_pem)
    (folder / "client.pem").write_bytes(client.certificate_pem)
    (folder / "client.key").write_bytes(client.key_pem)
    return folder


@pytest.fixture(scope="module")
def broker(certificates: Path) -> Iterator[Kafka]:
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
    secure = {
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
        "listener.name.sasl_ssl.ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(certificates / "broker.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(certificates / "ca.pem"),
    }
    with Kafka(secure=secure) as server:
        yield server


def _settings(broker: Kafka, certificates: Path, home: Path, **overrides: Any) -> Settings:
    secured = {
        "kafka_bootstrap_servers": f"127.0.0.1:{broker.secure_port}",
        "kafka_security_protocol": "SASL_SSL",
        "kafka_sasl_mechanism": "PLAIN",
        "kafka_sasl_username": USER,
        "kafka_sasl_password": PASSWORD,
        "kafka_ssl_ca_file": certificates / "ca.pem",
        "kafka_ssl_cert_file": certificates / "client.pem",
        "kafka_ssl_key_file": certificates / "client.key",
    }
    return Settings(**{"_env_file": None, "environment": "test", "alphaads_home": home, **secured, **overrides})


@pytest.mark.parametrize("client", CLIENTS)
def test_records_go_through_tls_and_sasl(client: str, broker: Kafka, certificates: Path, tmp_path: Path) -> None:
    settings = _settings(broker, certificates, tmp_path / "home", kafka_client=client, posts_topic=f"posts.{client}")
    with wired(settings) as wiring:
        wiring.stream.produce(settings.posts_topic, [Record(1, b"sealed")])
        [[stored]] = wiring.stream.read([OffsetRange(settings.posts_topic, 1, 0, 1)])
        assert stored.value == b"sealed"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    "wrong", [{"kafka_sasl_password": "a-wrong-password"}, {"kafka_ssl_cert_file": None, "kafka_ssl_key_file": None}]
)
def test_a_broker_that_refuses_us_is_an_error_without_secrets(
    client: str,
    wrong: dict[str, Any],
    broker: Kafka,
    certificates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for module in (kafka, kafka_python):
        monkeypatch.setattr(module, "_TIMEOUT_S", 3.0)
    settings = _settings(broker, certificates, tmp_path / "home", kafka_client=client, **wrong)
    with wired(settings) as wiring, pytest.raises(StreamUnavailable) as refused:
        _ = wiring.stream
    said = f"{refused.value}{capfd.readouterr()}"
    assert PASSWORD not in said
    assert "a-wrong-password" not in said
