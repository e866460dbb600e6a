"""A network interface as EC2 keeps it, on disk (`to_json`) and in answers (`described`, with the API's own names)."""

from dataclasses import asdict, dataclass, field
from typing import Any

from actors.protocols.eni_map import Eni
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
    """An elastic network interface; the first of `addresses` is the primary one. Times are nanoseconds since 1970."""

    id: str
    subnet: str
    addresses: tuple[str, ...]
    groups: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    tags: dict[str, str] = field(default_factory=dict)
    attachment: Attachment | None = None

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

    def on_fabric(self) -> Eni:
        """As packets see it, while it is plugged in."""
        assert self.attachment is not None
        return Eni(
            self.id,
            self.attachment.port,
            self.subnet,
            tuple(self.held()),
            self.groups,
            self.source_dest_check,
        )

    def described(self, availability_zone: str) -> dict[str, Any]:
        """As DescribeNetworkInterfaces shows it (EC2 API Reference: NetworkInterface)."""
        whole: dict[str, Any] = {
            "NetworkInterfaceId": self.id,
            "SubnetId": self.subnet,
            "AvailabilityZone": availability_zone,
            "Description": self.description,
            "MacAddress": self.mac,
            "Status": self.status,
            "SourceDestCheck": self.source_dest_check,
            "PrivateIpAddress": self.addresses[0],
            "PrivateIpAddresses": [
                {"Primary": index == 0, "PrivateIpAddress": address}
                for index, address in enumerate(self.addresses)
            ],
            "Ipv4Prefixes": [{"Ipv4Prefix": prefix} for prefix in self.prefixes],
            "Groups": [{"GroupId": group, "GroupName": group} for group in self.groups],
            "TagSet": [{"Key": key, "Value": value} for key, value in sorted(self.tags.items())],
        }
        if self.attachment is not None:
            whole["Attachment"] = _attachment(self.attachment)
        return whole


def _attachment(attachment: Attachment) -> dict[str, Any]:
    owner = {} if attachment.instance_id is None else {"InstanceId": attachment.instance_id}
    return {
        "AttachmentId": attachment.id,
        **owner,
        "DeviceIndex": attachment.device_index,
        "NetworkCardIndex": 0,
        "Status": "attached",
        "DeleteOnTermination": attachment.delete_on_termination,
    }


def block(prefix: str) -> list[bytes]:
    """The addresses of a prefix, in their order."""
    parsed = Prefix.parse(prefix)
    return [(parsed.network + number).to_bytes(4) for number in range(1 << (32 - parsed.length))]
