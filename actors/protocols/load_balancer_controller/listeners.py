"""Which ports a group listens on: `listen-ports`, certificates, policies (pkg/ingress/model_build_listener.go)."""

import ipaddress
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.protocols.load_balancer_controller.annotations import BuildError
from actors.protocols.load_balancer_controller.groups import Member

Object = dict[str, Any]

DEFAULT_SSL_POLICY = "ELBSecurityPolicy-2016-08"
"""`--default-ssl-policy`."""
EVERYBODY = ["0.0.0.0/0"]
"""Of `0.0.0.0/0, ::/0`: an IPv4 load balancer gets no rules about IPv6."""


@dataclass
class Port:
    """A port of the load balancer, and what its Ingresses say about it."""

    number: int
    protocol: str
    provider: str
    """The Ingress that spoke first."""
    cidrs: list[str] = field(default_factory=list)
    ssl_policy: str | None = None
    certificates: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)


def wants_discovery(members: Iterable[Member]) -> bool:
    """Whether certificates must be looked for by host."""
    for member in members:
        if _explicit_certificates(member) is None and any(
            protocol == "HTTPS" for protocol, _ in _listen_ports(member, False)
        ):
            return True
    return False


def ports(members: Iterable[Member], certificates: Mapping[str, list[str]]) -> dict[int, Port]:
    """The ports of a group in ascending order; `certificates` are domains by ARN. Raises `BuildError`."""
    found: dict[int, Port] = {}
    for member in members:
        explicit = _explicit_certificates(member)
        for protocol, number in _listen_ports(member, explicit is not None):
            port = found.setdefault(number, Port(number, protocol, member.key))
            if port.protocol != protocol:
                words = f"{port.provider}: {port.protocol} | {member.key}: {protocol}"
                raise BuildError(f"conflicting protocol, {words}")
            port.members.append(member)
            _merge(port, member, _certificates(member, explicit, certificates) if protocol == "HTTPS" else [])
    return dict(sorted(found.items()))


def _merge(port: Port, member: Member, certificates: list[str]) -> None:
    cidrs = _inbound_cidrs(member)
    if cidrs and port.cidrs and sorted(cidrs) != sorted(port.cidrs):
        words = f"{port.provider}: {sorted(port.cidrs)} | {member.key}: {sorted(cidrs)}"
        raise BuildError(f"conflicting inbound-cidrs, {words}")
    port.cidrs = port.cidrs or cidrs
    if port.protocol == "HTTPS":
        policy = member.parameters.get("sslPolicy") or member.annotations.text("ssl-policy")
        if policy and port.ssl_policy and policy != port.ssl_policy:
            raise BuildError(
                f"conflicting sslPolicy, {port.provider}: {port.ssl_policy} | {member.key}: {policy}"
            )
        port.ssl_policy = port.ssl_policy or policy
        port.certificates += [each for each in certificates if each not in port.certificates]
    attributes = member.annotations.pairs(f"listener-attributes.{port.protocol}-{port.number}")
    for of_class in member.parameters.get("listeners") or ():
        if (of_class.get("protocol"), of_class.get("port")) == (port.protocol, port.number):
            pairs = of_class.get("listenerAttributes") or ()
            attributes |= {each["key"]: each["value"] for each in pairs}
    for key, value in attributes.items():
        if port.attributes.setdefault(key, value) != value:
            raise BuildError(f"conflicting listener attributes {key}: {port.attributes[key]} | {value}")


def _listen_ports(member: Member, has_certificates: bool) -> list[tuple[str, int]]:
    raw = member.annotations.text("listen-ports")
    if raw is None:
        return [("HTTPS", 443)] if has_certificates else [("HTTP", 80)]
    try:
        entries = json.loads(raw)
        pairs = [(protocol, port) for entry in entries for protocol, port in entry.items()]
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise BuildError(f"failed to parse listen-ports configuration: `{raw}`: {error}") from None
    if not pairs:
        raise BuildError(f"empty listen-ports configuration: `{raw}`")
    for protocol, port in pairs:
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise BuildError(f"listen port must be within [1, 65535]: {port}")
        if protocol not in ("HTTP", "HTTPS"):
            raise BuildError(f"listen protocol must be HTTP or HTTPS: {protocol}")
    return pairs


def _inbound_cidrs(member: Member) -> list[str]:
    given = member.parameters.get("inboundCIDRs") or member.annotations.items("inbound-cidrs") or []
    for each in given:
        try:
            ipaddress.ip_network(each, strict=False)
        except ValueError:
            raise BuildError(f"invalid CIDR in annotation: inbound-cidrs: {each}") from None
    return [each for each in given if ":" not in each]


# ---- certificates ----------------------------------------------------------------------------------------


def _explicit_certificates(member: Member) -> list[str] | None:
    of_class = member.parameters.get("certificateArn")
    return of_class or member.annotations.items("certificate-arn") or None


def _certificates(member: Member, explicit: list[str] | None, known: Mapping[str, list[str]]) -> list[str]:
    if explicit is not None:
        return explicit
    found: list[str] = []
    for host in _hosts(member.ingress):
        matching = [arn for arn, domains in known.items() if any(covers(domain, host) for domain in domains)]
        if not matching:
            raise BuildError(f"no certificate found for host: {host}")
        found += [arn for arn in matching if arn not in found]
    if not found:
        raise BuildError("no certificate found for host: the HTTPS listener's Ingress names no host")
    return found


def _hosts(ingress: Object) -> list[str]:
    rules = [each["host"] for each in ingress["spec"].get("rules") or () if each.get("host")]
    tls = [host for each in ingress["spec"].get("tls") or () for host in each.get("hosts") or ()]
    return sorted({*rules, *tls})


def covers(domain: str, host: str) -> bool:
    """Whether a certificate's domain is good for a host; a leading `*` stands for one label."""
    if domain.startswith("*."):
        return host.partition(".")[2].lower() == domain[2:].lower()
    return domain.lower() == host.lower()


# ---- redirection to HTTPS --------------------------------------------------------------------------------


def ssl_redirect(members: Iterable[Member], found: Mapping[int, Port]) -> int | None:
    """The port that HTTP listeners send their clients to, if any. Raises `BuildError`."""
    wanted: dict[int, None] = {}
    for member in members:
        port = member.parameters.get("sslRedirectPort") or member.annotations.number("ssl-redirect")
        if port is not None:
            wanted[int(port)] = None
    if not wanted:
        return None
    if len(wanted) > 1:
        raise BuildError(f"conflicting sslRedirect port: {sorted(wanted)}")
    (port,) = wanted
    if port not in found:
        raise BuildError(f"listener does not exist for SSLRedirect port: {port}")
    if found[port].protocol != "HTTPS":
        raise BuildError(f"listener protocol non-SSL for SSLRedirect port: {port}")
    return int(port)
