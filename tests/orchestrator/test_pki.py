import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from orchestrator.pki import make_authority
from tests.tools import needs

DOMAIN = "packet-journey.com"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    make_authority(directory, [DOMAIN, "*.example.test"])
    return directory


class Side:
    """One side of a TLS connection that lives in memory; `flights` are the bytes it sent each time."""

    def __init__(self, context: ssl.SSLContext, server_name: str | None = None) -> None:
        self.incoming, self.outgoing, self.flights = ssl.MemoryBIO(), ssl.MemoryBIO(), []
        self.tls = context.wrap_bio(
            self.incoming, self.outgoing, server_side=server_name is None, server_hostname=server_name
        )

    def step(self, peer: "Side") -> bool:
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False
        finally:
            if data := self.outgoing.read():
                self.flights.append(len(data))
                peer.incoming.write(data)


def shake_hands(directory: Path, server_name: str = DOMAIN, certificate: str = DOMAIN) -> tuple[Side, Side]:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(directory / "certs" / f"{certificate}.pem")
    server_context.num_tickets = 0
    client_context = ssl.create_default_context(cafile=directory / "ca.pem")
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    client, server = Side(client_context, server_name), Side(server_context)
    while not (client.step(server) & server.step(client)):
        pass
    return client, server


def test_a_client_that_trusts_the_authority_accepts_the_certificate(directory: Path):
    client, _ = shake_hands(directory)
    assert client.tls.version() == "TLSv1.3"
    assert client.tls.getpeercert()["subjectAltName"] == (("DNS", DOMAIN),)


def test_a_wildcard_serves_the_names_below_it(directory: Path):
    client, _ = shake_hands(directory, "www.example.test", "*.example.test")
    assert client.tls.getpeercert()["subjectAltName"] == (("DNS", "*.example.test"),)


def test_a_certificate_is_for_no_other_name(directory: Path):
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(directory, "other.test")


def test_a_service_of_the_cluster_is_met_on_this_machine(tmp_path: Path):
    make_authority(tmp_path, ["kubernetes.default.svc"])
    for name in ("kubernetes.default.svc", "localhost", "127.0.0.1"):
        client, _ = shake_hands(tmp_path, name, "kubernetes.default.svc")
        assert client.tls.version() == "TLSv1.3"


def test_another_authority_is_not_trusted(directory: Path, tmp_path: Path):
    make_authority(tmp_path, [])
    shutil.copytree(directory / "certs", tmp_path / "certs", dirs_exist_ok=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path)


def test_flights_have_the_same_length_in_every_run(directory: Path, tmp_path: Path):
    make_authority(tmp_path, [DOMAIN])
    runs = [shake_hands(directory), shake_hands(directory), shake_hands(tmp_path)]
    assert len({(tuple(client.flights), tuple(server.flights)) for client, server in runs}) == 1


def test_serial_numbers_do_not_change(directory: Path, tmp_path: Path):
    make_authority(tmp_path, [DOMAIN])
    first, second = (shake_hands(run)[0].tls.getpeercert()["serialNumber"] for run in (directory, tmp_path))
    assert first == second
    assert len(first) == 32


def test_keys_are_for_their_owner_only(directory: Path):
    for path in (directory / "certs").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE KEY" not in (directory / "ca.pem").read_text()


def test_names_longer_than_a_common_name(tmp_path: Path):
    domain = "k8s-default-nginx-0a1b2c3d4e-1234567890.eu-west-1.elb.amazonaws.com"
    make_authority(tmp_path, [domain])
    client, _ = shake_hands(tmp_path, domain, domain)
    assert client.tls.getpeercert()["subjectAltName"] == (("DNS", domain),)


@needs("openssl")
def test_openssl_verifies_the_chain(directory: Path):
    leaf = directory / "certs" / f"{DOMAIN}.pem"
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", DOMAIN]
    result = subprocess.run(
        [*command, "-CAfile", directory / "ca.pem", leaf], capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == f"{leaf}: OK", result.stderr
