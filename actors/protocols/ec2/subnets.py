"""Which addresses of a subnet are free, and which EC2 gives away next.

AWS does not say which address it picks; here it is the lowest that is free, and the lowest free /28 for a prefix. AWS
keeps the first four addresses and the last one of every subnet, and a prefix cannot hold one of those.
"""

from collections.abc import Iterable, Sequence

from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.records import PREFIX_LENGTH
from actors.protocols.eni_map import RESERVED
from actors.wire.addresses import Prefix, ip_bytes, ip_text
from actors.wire.malformed import Malformed

_BLOCK = 1 << (32 - PREFIX_LENGTH)


class SubnetAddresses:
    """The addresses of one subnet."""

    def __init__(self, name: str, prefix: Prefix) -> None:
        self.name = name
        self.prefix = prefix
        self._size = 1 << (32 - prefix.length)
        self._taken: dict[int, str] = {}

    @property
    def free(self) -> int:
        """AvailableIpAddressCount."""
        return self._size - len(RESERVED) - 1 - len(self._taken)

    def take(self, addresses: Iterable[bytes], holder: str) -> None:
        """These belong to an interface now; they have been found to be free."""
        for address in addresses:
            self._taken[int.from_bytes(address)] = holder

    def give_back(self, addresses: Iterable[bytes]) -> None:
        for address in addresses:
            self._taken.pop(int.from_bytes(address), None)

    def pick(self, count: int, beside: Sequence[str] = ()) -> list[str]:
        """The lowest free addresses, `beside` these. Raises `AwsError`; it is all or nothing."""
        if count + len(beside) > self.free:
            raise AwsError(
                "InsufficientFreeAddressesInSubnet",
                f"The specified subnet does not have enough free addresses to satisfy the request: {self.name} has "
                f"{self.free}, not {count}.",
            )
        first, last = self.prefix.network + len(RESERVED), self.prefix.network + self._size - 1
        picked: list[str] = []
        excluded = {int.from_bytes(ip_bytes(address)) for address in beside}
        for number in range(first, last):
            if len(picked) == count:
                break
            if number not in self._taken and number not in excluded:
                picked.append(ip_text(number.to_bytes(4)))
        return picked

    def pick_prefixes(self, count: int) -> list[str]:
        """The lowest free /28 blocks. Raises `AwsError`; it is all or nothing."""
        picked: list[str] = []
        last = self.prefix.network + self._size - _BLOCK
        for start in range(self.prefix.network + _BLOCK, last, _BLOCK):
            if len(picked) == count:
                break
            if not any(number in self._taken for number in range(start, start + _BLOCK)):
                picked.append(f"{ip_text(start.to_bytes(4))}/{PREFIX_LENGTH}")
        if len(picked) < count:
            raise AwsError(
                "InsufficientCidrBlocks",
                f"The specified subnet does not have enough free cidr blocks to satisfy the request: {self.name} has "
                f"{len(picked)} free /{PREFIX_LENGTH}, not {count}.",
            )
        return picked

    def check(self, text: str) -> bytes:
        """An address that somebody asks for by name. Raises `AwsError`."""
        try:
            address = ip_bytes(text)
        except Malformed:
            raise AwsError("InvalidParameterValue", f"{text!r} is not an IPv4 address") from None
        number = int.from_bytes(address) - self.prefix.network
        if address not in self.prefix:
            raise AwsError("InvalidParameterValue", f"Address {text} does not fall within the subnet's range")
        if number in RESERVED or address == self.prefix.broadcast:
            raise AwsError("InvalidParameterValue", f"Address {text} is in subnet's reserved address range")
        if holder := self._taken.get(int.from_bytes(address)):
            raise AwsError("InvalidIPAddress.InUse", f"Address {text} is in use by {holder}.")
        return address
