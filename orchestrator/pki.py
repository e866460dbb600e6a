"""The emulator's certificate authority: one per run directory, made when the world comes up.

Keys are RSA because RSA signatures have one length, and serial numbers, dates and names do not vary from run to run:
so the flights of a TLS handshake have the same size in every run, which journals of equal seeds rely on (they hold
lengths, never ciphertext). P-256 signatures vary by a byte or two.
"""

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

COMMON_NAME = "packet-journey emulated CA"
NOT_BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
NOT_AFTER = datetime(2045, 1, 1, tzinfo=UTC)

_SIGNS_CERTIFICATES = {"key_cert_sign", "crl_sign"}
_SERVES_TLS = {"digital_signature", "key_encipherment"}
_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class _Authority(NamedTuple):
    key: RSAPrivateKey
    certificate: x509.Certificate


def make_authority(directory: Path, domains: Iterable[str]) -> None:
    """Make a CA and a certificate for each domain: `ca.pem`, and `certs/<domain>.pem` with key and certificate.

    The CA's own key is not kept. Files with keys are for their owner only (0600). Takes about 50 ms for each key.
    """
    new_papers(domains).write(directory)


class Papers(NamedTuple):
    """What an authority hands out, as PEM: its certificate, and key and certificate of each domain."""

    authority: bytes
    domains: dict[str, bytes]

    def write(self, directory: Path) -> None:
        """As `ca.pem` and `certs/<domain>.pem`."""
        (directory / "ca.pem").write_bytes(self.authority)
        folder = directory / "certs"
        folder.mkdir(mode=0o700, exist_ok=True)
        for domain, pem in self.domains.items():
            _write_secret(folder / f"{domain}.pem", pem)


def new_papers(domains: Iterable[str]) -> Papers:
    """A new authority's, for these domains."""
    authority, papers = _make_root(), {}
    for domain in domains:
        key = _new_key()
        papers[domain] = _key_pem(key) + _pem(_make_leaf(authority, domain, key))
    return Papers(_pem(authority.certificate), papers)


def _make_root() -> _Authority:
    key = _new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    builder = _builder(COMMON_NAME, name, name, key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    builder = builder.add_extension(_key_usage(_SIGNS_CERTIFICATES), critical=True)
    return _Authority(key, builder.sign(key, hashes.SHA256()))


def _make_leaf(authority: _Authority, domain: str, key: RSAPrivateKey) -> x509.Certificate:
    # a common name has 64 characters at most (X.520); clients look at the alternative name only (RFC 9525)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)] if len(domain) <= 64 else [])
    issuer_key = authority.key.public_key()
    return (
        _builder(domain, subject, authority.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(_SERVES_TLS), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternative_names(domain), critical=len(domain) > 64)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _alternative_names(domain: str) -> x509.SubjectAlternativeName:
    """The domain; a Service of the cluster (`kubernetes.default.svc`) is served on this machine's loopback, too."""
    names: list[x509.GeneralName] = [x509.DNSName(domain)]
    if domain.endswith(".svc"):
        names += [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    return x509.SubjectAlternativeName(names)


def _builder(of: str, subject: x509.Name, issuer: x509.Name, key: RSAPrivateKey) -> x509.CertificateBuilder:
    public, serial = key.public_key(), _serial_number(of)
    builder = x509.CertificateBuilder(issuer, subject, public, serial, NOT_BEFORE, NOT_AFTER)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _serial_number(of: str) -> int:
    """16 bytes, the first between 0x40 and 0x7f: neither leading zeros nor a sign bit change its length."""
    digest = hashlib.sha256(of.encode()).digest()
    return int.from_bytes(bytes([0x40 | digest[0] & 0x3F]) + digest[1:16])


def _key_usage(usages: set[str]) -> x509.KeyUsage:
    return x509.KeyUsage(**{usage: usage in usages for usage in _USAGES})


def _new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65_537, key_size=2048)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_secret(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
