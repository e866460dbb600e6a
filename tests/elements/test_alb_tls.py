"""TLS of listeners: AWS's security policies, certificates by server name, and both changing while it runs."""

import asyncio
import ssl
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from actors.parts.load_balancer.tls import POLICIES, server_context
from actors.parts.load_balancer.tls_policies import for_targets
from tests.elements.alb_bed import GET, LISTENER_ARN, Bed

LISTENER = f"listener/{LISTENER_ARN}"


def shaken(server: ssl.SSLContext, **limits) -> tuple[str | None, str]:
    """Version and cipher suite that a client within these limits gets."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, value in limits.items():
            setattr(client, name, value)
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname="example.com"),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    done = [False, False]
    for _ in range(10):
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done[number] = True
            except ssl.SSLWantReadError:
                pass
    assert all(done)
    cipher = ends[0].cipher()
    assert cipher is not None
    return ends[0].version(), cipher[0]


def write_certificate(directory: Path, file: str, key: Any, days: int, *names: str) -> None:
    """A certificate signed by its own key, as `certs/<file>.pem` holds it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, file)])
    began = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    text = certificate.public_bytes(serialization.Encoding.PEM) + private
    (directory / f"{file}.pem").write_bytes(text)


def test_of_several_certificates_the_better_is_shown(tmp_path):
    strong, weak = rsa.generate_private_key(65537, 3072), rsa.generate_private_key(65537, 2048)
    names = ("a.org", "*.a.org")
    write_certificate(tmp_path, "default", weak, 10, "other.org")
    write_certificate(tmp_path, "weak", weak, 9000, *names)
    write_certificate(tmp_path, "strong", strong, 10, *names)
    write_certificate(tmp_path, "longer", strong, 900, *names)
    write_certificate(tmp_path, "curve", ec.generate_private_key(ec.SECP256R1()), 10, "a.org")

    def shown(name: str | None, *domains: str) -> str:
        context = server_context("ELBSecurityPolicy-TLS13-1-2-2021-06", tmp_path, ["default", *domains])
        return shown_to(context, name)

    assert shown("a.org", "weak", "strong") == "strong"
    assert shown("a.org", "strong", "longer", "weak") == "longer"
    assert shown("A.ORG", "weak", "curve", "longer") == "curve"
    assert shown("www.a.org", "weak", "curve") == "weak"
    assert shown("x.www.a.org", "weak", "curve") == "default"
    assert shown(None, "weak", "curve") == "default"


def shown_to(server: ssl.SSLContext, name: str | None) -> str:
    """The certificate, by its file, that a client sees who asks for this name."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname=name),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    data = ends[0].getpeercert(binary_form=True)
    assert data is not None
    [common_name] = x509.load_der_x509_certificate(data).subject
    return str(common_name.value)


@pytest.mark.parametrize("policy", POLICIES)
def test_each_policy_speaks_its_versions_and_no_others(policy, authority):
    server = server_context(policy, authority / "certs", ["example.com"])
    for name, version in (
        ("TLSv1", ssl.TLSVersion.TLSv1),
        ("TLSv1.1", ssl.TLSVersion.TLSv1_1),
        ("TLSv1.2", ssl.TLSVersion.TLSv1_2),
        ("TLSv1.3", ssl.TLSVersion.TLSv1_3),
    ):
        if name in POLICIES[policy].versions:
            assert shaken(server, minimum_version=version, maximum_version=version)[0] == name
        else:
            with pytest.raises(ssl.SSLError):
                shaken(server, minimum_version=version, maximum_version=version)


@pytest.mark.parametrize("policy", [name for name in POLICIES if POLICIES[name].ciphers])
def test_each_policy_has_all_its_suites_in_its_order(policy, authority):
    server = server_context(policy, authority / "certs", ["example.com"])
    offered = [each["name"] for each in server.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert offered == list(POLICIES[policy].ciphers)


@pytest.mark.parametrize(
    ("front", "back"),
    [
        ([], "ELBSecurityPolicy-2016-08"),
        (["ELBSecurityPolicy-FS-1-2-2019-08"], "ELBSecurityPolicy-2016-08"),
        (
            ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-TLS13-1-2-2021-06"],
            "ELBSecurityPolicy-TLS13-1-0-2021-06",
        ),
        (["ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"], "ELBSecurityPolicy-TLS13-1-0-PQ-2025-09"),
        (["ELBSecurityPolicy-TLS13-1-3-FIPS-2023-04"], "ELBSecurityPolicy-TLS13-1-0-FIPS-2023-04"),
        (["ELBSecurityPolicy-TLS13-1-2-FIPS-PQ-2025-09"], "ELBSecurityPolicy-TLS13-1-0-FIPS-PQ-2025-09"),
    ],
)
def test_the_policy_towards_targets_follows_from_the_listeners(front, back):
    assert for_targets(front) == back
    assert back in POLICIES


def test_certificates_and_policy_change_for_the_next_connections(directory):
    bed = Bed(directory, protocol="HTTPS")

    async def story():
        old = await bed.connect_securely(server_hostname="example.com")
        certificates = [{"arn": "arn:other", "domain": "other.org"}]
        bed.change(LISTENER, certificates=certificates, ssl_policy="ELBSecurityPolicy-FS-1-2-Res-2020-10")
        await asyncio.sleep(0.1)
        assert (await old.ask(GET)).status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            await bed.connect_securely(server_hostname="example.com")
        new = await bed.connect_securely(server_hostname="other.org")
        assert new.transport.get_extra_info("ssl_object").version() == "TLSv1.2"
        assert (await new.ask(GET)).status == 200

    bed.run(story())
    lines = [line.split('"') for line in bed.log()]
    assert [line[7:10:2] for line in lines] == [
        ["example.com", "arn:aws:acm:eu-west-1:123456789012:certificate/example.com"],
        ["other.org", "arn:other"],
    ]


def test_http_2_is_offered_as_long_as_its_attribute_says_so(directory):
    bed = Bed(directory, protocol="HTTPS")

    async def story():
        context = ssl.create_default_context(cafile=directory / "ca.pem")
        context.set_alpn_protocols(["h2", "http/1.1"])

        async def spoken() -> str:
            talk = await bed.connect(443, ssl=context, server_hostname="example.com")
            return talk.transport.get_extra_info("ssl_object").selected_alpn_protocol()

        assert await spoken() == "h2"
        bed.change("load-balancer", attributes={"routing.http2.enabled": "false"})
        await asyncio.sleep(0.1)
        assert await spoken() == "http/1.1"

    bed.run(story())


def test_a_handshake_that_fails_is_counted(directory):
    bed = Bed(directory, protocol="HTTPS", ssl_policy="ELBSecurityPolicy-TLS13-1-3-2021-06")

    async def story():
        context = ssl.create_default_context(cafile=directory / "ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(ssl.SSLError):
            await bed.connect(443, ssl=context, server_hostname="example.com")
        plain = await bed.connect(443)
        plain.transport.write(GET)
        await plain.lost.wait()
        good = await bed.connect_securely(server_hostname="example.com")
        assert (await good.ask(GET)).status == 200

    bed.run(story())
    assert bed.metric("journey_alb_client_tls_negotiation_errors_total") == 2
    assert bed.metric("journey_alb_new_connections_total") == 2  # the client's, and the target's


def test_a_client_that_names_nobody_known_gets_the_default(directory):
    bed = Bed(directory, protocol="HTTPS", certificates=["example.com", "other.org"])

    async def story():
        context = ssl.create_default_context(cafile=directory / "ca.pem")
        context.check_hostname = False
        for name in (None, "unknown.net"):
            talk = await bed.connect(443, ssl=context, server_hostname=name)
            names = talk.transport.get_extra_info("peercert")["subjectAltName"]
            assert ("DNS", "example.com") in names
        talk = await bed.connect(443, ssl=context, server_hostname="OTHER.org")
        assert ("DNS", "other.org") in talk.transport.get_extra_info("peercert")["subjectAltName"]

    bed.run(story())
