"""A network interface as EC2 keeps it; `to_json` is how it lies on disk."""

from dataclasses import asdict, dataclass
from typing import Any

from actors.wire.addresses import Prefix, ip_bytes, mac_for, mac_text

AVAILABLE, IN_USE = "available", "in-use"
PREFIX_LENGTH = 28


@dataclass(frozen=True)
class Attachment:
    """Which instance an interface is plugged into, and where; a requester-managed one (a load balancer's) has no id."""

    id: str
    port: str
    instance_id: str | None
    device_index: int
    attached_ns: int
    delete_on_termination: bool = False


@dataclass(frozen=True)
class NetworkInterface:
    """An elastic network interface; the first of `addresses` is the primary one, `subnet` and `groups` are ids.

    Times are nanoseconds since 1970."""

    id: str
    subnet: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    attachment: Attachment | None = None
    requester: str | None = None
    """The service that it belongs to (`amazon-elb`): nobody else may change it."""

    @property
    def status(self) -> str:
        return AVAILABLE if self.attachment is None else IN_USE

    @property
    def mac(self) -> str:
        return mac_text(mac_for(self.id))

    def held(self) -> list[bytes]:
        """Every address that is this interface's own, those of its prefixes too."""
        return [*map(ip_bytes, self.addresses), *(each for text in self.prefixes for each in block(text))]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NetworkInterface":
        """What `to_json` gave, JSON's lists in place of tuples."""
        attachment = value["attachment"]
        lists = {name: tuple(value[name]) for name in ("addresses", "groups", "prefixes")}
        return cls(
            **{**value, **lists, "attachment": None if attachment is None else Attachment(**attachment)}
        )


def block(prefix: str) -> list[bytes]:
    """The addresses of a prefix, in their order."""
    parsed = Prefix.parse(prefix)
    return [(parsed.network + number).to_bytes(4) for number in range(1 << (32 - parsed.length))]
