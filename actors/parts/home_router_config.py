"""The parts of a home router's config, and what each becomes in the engines."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from actors.parts.config_fields import Address, AddressWithMask, Part, Uplink
from actors.protocols import nat
from actors.protocols.dhcp import server as dhcp
from actors.units import SECOND, Duration
from actors.wire.addresses import InterfaceAddress, ip_bytes

Behaviour = Literal["endpoint-independent", "address-dependent", "address-and-port-dependent"]


def parse_pool(text: str) -> tuple[bytes, bytes]:
    """`192.168.1.100-192.168.1.199` as its first and last address; raises ValueError."""
    first, dash, last = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is not a pool; write it like 192.168.1.100-192.168.1.199")
    pool = ip_bytes(first.strip()), ip_bytes(last.strip())
    if pool[0] > pool[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return pool


def parse_ports(text: str) -> range:
    """`1024-65535` as a range; raises ValueError."""
    first, dash, last = (part.strip() for part in text.partition("-"))
    if not (dash and first.isdecimal() and last.isdecimal()):
        raise ValueError(f"{text!r} is not a range of ports; write it like 1024-65535")
    ports = range(int(first), int(last) + 1)
    if not ports or ports[0] < 1 or ports[-1] > 65_535:
        raise ValueError(f"{text!r} is not a range within 1-65535")
    return ports


def _check_pool(text: str) -> str:
    parse_pool(text)
    return text


def _check_ports(text: str) -> str:
    parse_ports(text)
    return text


def _check_seconds(duration_ns: int) -> int:
    if not SECOND <= duration_ns < 2**32 * SECOND:
        raise ValueError(
            "it must be at least 1s and less than 136 years: the message counts seconds in 32 bits"
        )
    return duration_ns


class LanConfig(Part):
    """The inside: the router's own address there, and the ports of its switch."""

    address: AddressWithMask = Field(description="the router's inside address with its mask")
    ports: tuple[str, ...] = Field(min_length=1, description="the ports of its switch")


class WanConfig(Uplink):
    """The outside: the one public address, and the provider's router."""


class DhcpConfig(Part):
    """What the DHCP server hands out."""

    pool: Annotated[str, AfterValidator(_check_pool)] = Field(
        description="the first and the last address that are leased, such as 192.168.1.100-192.168.1.199"
    )
    lease_time: Annotated[Duration, AfterValidator(_check_seconds)] = Field(
        default=86_400 * SECOND, description="how long a lease lasts"
    )
    domain: str | None = Field(default=None, min_length=1, description="the domain that clients are told")

    mtu: int | None = Field(
        default=None,
        ge=576,
        le=65_535,
        description="the largest packet that clients are told to send (option 26), such as 1492 behind PPPoE",
    )

    def settings(self, own: InterfaceAddress) -> dhcp.Settings:
        first, last = parse_pool(self.pool)
        return dhcp.Settings(
            address=own.address,
            prefix_length=own.prefix.length,
            first=first,
            last=last,
            lease_s=self.lease_time // SECOND,
            routers=(own.address,),
            dns_servers=(own.address,),
            domain=self.domain,
            mtu=self.mtu,
        )


class DnsConfig(Part):
    """The DNS forwarder."""

    forward_to: tuple[Address, ...] = Field(min_length=1, description="resolvers, asked in this order")
    cache_size: int = Field(default=1000, gt=0, description="record sets")


class NatConfig(Part):
    """Address and port translation; the defaults are what RFC 4787, 5382 and 5508 ask for at least."""

    ports: Annotated[str, AfterValidator(_check_ports)] = Field(
        default="1024-65535", description="outside ports to give out"
    )
    max_mappings: int = Field(default=8192, gt=0, description="sessions at once, all protocols together")
    udp_timeout: Duration = Field(default=300 * SECOND, gt=0, description="silence that ends a UDP session")
    tcp_established_timeout: Duration = Field(
        default=7440 * SECOND, gt=0, description="silence that ends an open TCP connection"
    )
    tcp_transitory_timeout: Duration = Field(
        default=240 * SECOND, gt=0, description="silence that ends a TCP connection being opened or closed"
    )
    icmp_timeout: Duration = Field(
        default=60 * SECOND, gt=0, description="silence that ends a session of pings"
    )

    mapping: Behaviour = Field(
        default="endpoint-independent",
        description="to which remote endpoints an inside endpoint is one outside port (RFC 4787 section 4.1)",
    )
    filtering: Behaviour = Field(
        default="address-and-port-dependent",
        description="who comes in by a mapped port (RFC 4787 section 5); the default lets in who was talked to, as "
        "Linux does",
    )

    def settings(self, outside: bytes) -> nat.Settings:
        return nat.Settings(
            outside=outside,
            ports=parse_ports(self.ports),
            max_mappings=self.max_mappings,
            tcp_established_ns=self.tcp_established_timeout,
            tcp_transitory_ns=self.tcp_transitory_timeout,
            udp_ns=self.udp_timeout,
            icmp_ns=self.icmp_timeout,
            mapping=nat.Behaviour(self.mapping),
            filtering=nat.Behaviour(self.filtering),
        )
