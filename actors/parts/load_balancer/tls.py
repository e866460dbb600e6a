"""Security policies and certificates of HTTPS listeners as Python's SSL contexts."""

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from actors.protocols.listener_rules import wildcard

_GCM = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256"
_GCM_256 = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
_CBC = "ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384"
_RSA = "AES128-GCM-SHA256:AES128-SHA256:AES128-SHA:AES256-GCM-SHA384:AES256-SHA256:AES256-SHA"


class Policy(NamedTuple):
    """Lowest and highest version, and the TLS 1.2 cipher suites (OpenSSL's names; TLS 1.3's are OpenSSL's own)."""

    minimum: ssl.TLSVersion
    maximum: ssl.TLSVersion
    ciphers: str


POLICIES = {
    "ELBSecurityPolicy-TLS13-1-3-2021-06": Policy(ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3, _GCM),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": Policy(
        ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, f"{_GCM}:{_GCM_256}:{_CBC}"
    ),
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": Policy(
        ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3, f"{_GCM}:{_GCM_256}"
    ),
    # AWS also offers TLS 1.0 and 1.1 here; OpenSSL 3 refuses them at its default security level.
    "ELBSecurityPolicy-2016-08": Policy(
        ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, f"{_GCM}:{_GCM_256}:{_CBC}:{_RSA}"
    ),
}


def server_context(
    policy: str, directory: Path, domains: Sequence[str], protocols: Sequence[str] = ("http/1.1",)
) -> ssl.SSLContext:
    """The context of a listener: the first certificate is the default, the others are chosen by SNI.

    `certificate` and `server_name` of the SSL object tell afterwards which one was shown, and for which name.
    """
    contexts = [
        (domain, _context(POLICIES[policy], directory / f"{domain}.pem", protocols)) for domain in domains
    ]
    by_name = [(wildcard(domain, ignore_case=True), domain, context) for domain, context in contexts]
    default_domain, default = contexts[0]

    def choose(connection: ssl.SSLObject, server_name: str | None, _: ssl.SSLContext) -> None:
        connection.server_name = server_name  # type: ignore[attr-defined]
        connection.certificate = default_domain  # type: ignore[attr-defined]
        for matches, domain, context in by_name:
            if server_name and matches(server_name):
                connection.context = context
                connection.certificate = domain  # type: ignore[attr-defined]
                return

    default.sni_callback = choose
    return default


def _context(policy: Policy, certificate: Path, protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = policy.minimum
    context.maximum_version = policy.maximum
    context.set_ciphers(policy.ciphers)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    context.set_alpn_protocols(list(protocols))
    context.load_cert_chain(certificate)
    return context
