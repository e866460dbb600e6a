"""Public IPv4 addresses: the pool that AWS announces, who has which, and the private address that each stands for.

How this works. An address is the customer's (an Elastic IP, which describes itself in DescribeAddresses) or a
service's: those of internet-facing load balancers belong to `amazon-elb`. An association names a private address;
which network interface has that is looked up when somebody asks, and ends when the interface loses it.
Which free address is given AWS does not say; here it is the lowest.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.ids import not_found, resource_id
from actors.wire.addresses import Prefix, ip_bytes, ip_text

ELB = "amazon-elb"
MAX_ELASTIC_IPS = 5
"""Elastic IPs of an account in a region (default quota)."""


@dataclass(frozen=True)
class PublicAddress:
    """A public address that somebody has; `service` is whose it is when it is not the customer's own."""

    id: str
    public_ip: str
    service: str | None = None
    private_ip: str | None = None

    @property
    def association(self) -> str | None:
        """The association's id, while there is one."""
        if self.private_ip is None:
            return None
        return resource_id("eipassoc", self.id, self.private_ip)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "PublicAddress":
        return cls(**value)


class PublicAddresses:
    """The pool and what has been given of it."""

    def __init__(self) -> None:
        self.pools: list[Prefix] = []
        self.by_id: dict[str, PublicAddress] = {}

    def put(self, address: PublicAddress) -> PublicAddress:
        self.by_id[address.id] = address
        return address

    def known(self, allocation: str) -> PublicAddress:
        """An Elastic IP of the customer's. Raises `AwsError`."""
        found = self.by_id.get(allocation)
        if found is None or found.service is not None:
            raise not_found("eipalloc", allocation)
        return found

    def by_public_ip(self, text: str) -> PublicAddress:
        """Raises `AwsError`."""
        for each in self.by_id.values():
            if each.public_ip == text and each.service is None:
                return each
        raise AwsError("InvalidAddress.NotFound", f"Address '{text}' not found.")

    def associated(self, association: str) -> PublicAddress:
        """Raises `AwsError`."""
        for each in self.by_id.values():
            if each.service is None and association == each.association:
                return each
        raise not_found("eipassoc", association)

    def of_private(self, private_ip: str) -> PublicAddress | None:
        """The public address that stands for a private one."""
        return next((each for each in self.by_id.values() if each.private_ip == private_ip), None)

    def allocate(self, public_ip: str | None = None, service: str | None = None) -> PublicAddress:
        """AllocateAddress: the lowest of the pool that is free, or the one that is asked for."""
        own = sum(each.service is None for each in self.by_id.values())
        if service is None and own >= MAX_ELASTIC_IPS:
            raise AwsError("AddressLimitExceeded", "The maximum number of addresses has been reached.")
        taken = {each.public_ip for each in self.by_id.values()}
        if public_ip is None:
            public_ip = next((each for each in self._pool() if each not in taken), None)
            if public_ip is None:
                raise AwsError(
                    "InsufficientAddressCapacity",
                    "There are not enough free public addresses to satisfy the request.",
                )
        elif public_ip in taken or not self._announced(public_ip):
            raise AwsError("InvalidAddress.NotFound", f"Address '{public_ip}' is not available.")
        return self.put(PublicAddress(resource_id("eipalloc", public_ip), public_ip, service))

    def associate(self, address: PublicAddress, private_ip: str, *, again: bool) -> list[PublicAddress]:
        """AssociateAddress: what has changed. `again` moves an address that stands for another one already."""
        if address.private_ip == private_ip:
            return [address]
        holder = self.of_private(private_ip)
        for each in (address, holder):
            if each is not None and each.private_ip is not None and not again:
                resource = each.id if each is address else private_ip
                raise AwsError(
                    "Resource.AlreadyAssociated",
                    f"resource {resource} is already associated with associate-id {each.association}",
                )
        changed = [] if holder is None else [self.disassociate(holder)]
        return [*changed, self.put(replace(address, private_ip=private_ip))]

    def disassociate(self, address: PublicAddress) -> PublicAddress:
        """DisassociateAddress."""
        return self.put(replace(address, private_ip=None))

    def release(self, address: PublicAddress) -> PublicAddress:
        """ReleaseAddress. Raises `AwsError` while it is associated."""
        if address.private_ip is not None:
            raise AwsError(
                "InvalidIPAddress.InUse",
                f"The address {address.public_ip} ({address.id}) is associated and cannot be released.",
            )
        return self.by_id.pop(address.id)

    def _announced(self, text: str) -> bool:
        return any(ip_bytes(text) in prefix for prefix in self.pools)

    def _pool(self) -> Iterable[str]:
        """All addresses that may be given: not the first and the last of a block, which some take for broadcasts."""
        for prefix in self.pools:
            last = int.from_bytes(prefix.broadcast)
            for number in range(prefix.network + 1, last):
                yield ip_text(number.to_bytes(4))
