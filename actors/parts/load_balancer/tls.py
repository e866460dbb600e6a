"""Security policies and certificates, of listeners and towards targets, as Python's SSL contexts."""

import ssl
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from actors.parts.load_balancer.tls_policies import POLICIES, Policy

__all__ = ["POLICIES", "server_context", "target_context"]

_VERSIONS = {
    "TLSv1": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}


class Shown(NamedTuple):
    """A certificate, by its domain, for the names in it; `rank` is higher the sooner it is shown (ALB guide, SNI)."""

    domain: str
    context: ssl.SSLContext
    names: tuple[str, ...]
    rank: tuple[bool, bool, int, float]

    def fits(self, server_name: str) -> bool:
        """A wildcard stands for one label (RFC 6125 section 6.4.3)."""
        name = server_name.lower()
        return any(
            name == each or (each.startswith("*.") and name.partition(".")[2] == each[2:])
            for each in self.names
        )


class ListenerTls(ssl.SSLObject):
    """A client's side of a TLS connection: which certificate it was shown, and for which name."""

    server_name: str | None = None
    certificate: str


def server_context(
    policy: str, directory: Path, domains: Sequence[str], protocols: Sequence[str] = ("http/1.1",)
) -> ssl.SSLContext:
    """The context of a listener: the first certificate is the default, shown to clients that name none of the others.

    Of several that fit, ECDSA goes before RSA, SHA-2 before older digests, the larger key before the smaller, and the
    one that is valid longer before the others. `protocols` are offered by ALPN. `certificate` and `server_name` of
    the SSL object tell afterwards which one was shown, and for which name. Raises OSError and ssl.SSLError when there
    is no such certificate.
    """
    contexts = [_server(POLICIES[policy], directory / f"{domain}.pem", protocols) for domain in domains]
    default_domain, default = domains[0], contexts[0]
    shown = sorted(
        (
            _shown(domain, context, directory / f"{domain}.pem" if len(domains) > 1 else None)
            for domain, context in zip(domains, contexts, strict=True)
        ),
        key=lambda each: each.rank,
        reverse=True,
    )

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        assert isinstance(connection, ListenerTls)
        connection.server_name = server_name
        connection.certificate = default_domain
        for each in shown:
            if server_name and each.fits(server_name):
                connection.context = each.context
                connection.certificate = each.domain
                return

    default.sslobject_class = ListenerTls
    default.sni_callback = choose
    return default


@lru_cache(maxsize=8)
def target_context(policy: str) -> ssl.SSLContext:
    """The context towards HTTPS targets: like an ALB's, it takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    _apply(POLICIES[policy], context)
    return context


def _server(policy: Policy, certificate: Path, protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _apply(policy, context)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.set_alpn_protocols(list(protocols))
    context.load_cert_chain(certificate)
    return context


def _apply(policy: Policy, context: ssl.SSLContext) -> None:
    ciphers = ":".join(policy.ciphers)
    with warnings.catch_warnings():
        # TLS 1.0 and 1.1 are deprecated, also by AWS; who chooses a policy that has them gets them.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[policy.versions[0]]
        context.maximum_version = _VERSIONS[policy.versions[-1]]
    if policy.versions[0] in ("TLSv1", "TLSv1.1"):
        ciphers += ":@SECLEVEL=0"  # OpenSSL 3 speaks them at no other level
    if ciphers:
        context.set_ciphers(ciphers)


def _shown(domain: str, context: ssl.SSLContext, certificate: Path | None) -> Shown:
    """What a certificate says of itself; with only one to show nobody has to read it."""
    if certificate is None:
        return Shown(domain, context, (domain.lower(),), (False, False, 0, 0.0))
    # Only listeners with several certificates pay for loading these.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    parsed = x509.load_pem_x509_certificate(certificate.read_bytes())
    try:
        names = parsed.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = [domain]
    key, digest = parsed.public_key(), parsed.signature_hash_algorithm
    rank = (
        isinstance(key, EllipticCurvePublicKey),
        digest is None or digest.name.startswith("sha2") or digest.name.startswith(("sha384", "sha512")),
        getattr(key, "key_size", 0),
        parsed.not_valid_after_utc.timestamp(),
    )
    return Shown(domain, context, tuple(name.lower() for name in names), rank)
