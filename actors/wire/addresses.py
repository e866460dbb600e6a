"""MAC and IPv4 addresses as the 6 and 4 bytes that they are on the wire, and their texts."""

import hashlib
import ipaddress
from functools import lru_cache
from typing import NamedTuple

from actors.wire.malformed import Malformed

BROADCAST_MAC = b"\xff" * 6
ZERO_MAC = bytes(6)
ANY_IP = bytes(4)
BROADCAST_IP = b"\xff" * 4


@lru_cache(maxsize=65536)
def ip_text(address: bytes) -> str:
    """`b'\\x0a\\x00\\x00\\x01'` as `10.0.0.1`."""
    return ".".join(map(str, address))


@lru_cache(maxsize=65536)
def ip_bytes(text: str) -> bytes:
    """`10.0.0.1` as its 4 bytes; raises `Malformed` for anything else."""
    try:
        return ipaddress.IPv4Address(text).packed
    except ValueError as error:
        raise Malformed(f"{text!r} is not an IPv4 address: {error}") from None


@lru_cache(maxsize=65536)
def mac_text(address: bytes) -> str:
    """6 bytes as `02:00:5e:10:00:01`."""
    return address.hex(":")


def mac_bytes(text: str) -> bytes:
    """`02:00:5e:10:00:01` as its 6 bytes; raises `Malformed` for anything else."""
    try:
        address = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        address = b""
    if len(address) != 6:
        raise Malformed(f"{text!r} is not a MAC address")
    return address


def mac_for(*names: str) -> bytes:
    """The MAC address of the interface with these names: always the same, locally administered, unicast."""
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return b"\x06" + digest[:5]


class Prefix(NamedTuple):
    """An IPv4 network: its first address as a number, and the length of its mask in bits."""

    network: int
    length: int

    @classmethod
    def parse(cls, text: str) -> "Prefix":
        """`10.0.0.0/16` (a bare address is a /32); raises `Malformed`, also when host bits are set."""
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError as error:
            raise Malformed(f"{text!r} is not an IPv4 prefix: {error}") from None
        return cls(int(network.network_address), network.prefixlen)

    @property
    def mask(self) -> int:
        return (0xFFFFFFFF << (32 - self.length)) & 0xFFFFFFFF

    @property
    def broadcast(self) -> bytes:
        return (self.network | (~self.mask & 0xFFFFFFFF)).to_bytes(4)

    def __contains__(self, address: object) -> bool:
        if not isinstance(address, bytes) or len(address) != 4:
            return False
        return int.from_bytes(address) & self.mask == self.network

    def __str__(self) -> str:
        return f"{ip_text(self.network.to_bytes(4))}/{self.length}"


class InterfaceAddress(NamedTuple):
    """An address with the network it lies in, as `192.168.1.1/24` names both."""

    address: bytes
    prefix: Prefix

    @classmethod
    def parse(cls, text: str) -> "InterfaceAddress":
        try:
            interface = ipaddress.IPv4Interface(text)
        except ValueError as error:
            raise Malformed(f"{text!r} is not an address with its mask: {error}") from None
        prefix = Prefix(int(interface.network.network_address), interface.network.prefixlen)
        return cls(interface.ip.packed, prefix)

    def __str__(self) -> str:
        return f"{ip_text(self.address)}/{self.prefix.length}"
