"""The addresses of a node, by network interface, and which sandbox has which.

How this works. An ENI brings single addresses, or prefixes of 16. An address that is released cools down before it is
given to another pod, so that what is still under way to the first one does not reach the second. Cooling addresses
count as available, as in ipamd: the pool can look full while nothing can be assigned.

Time is an argument, in nanoseconds. What EC2 has is told by `add_*` and `remove_*`; nothing is decided here.
"""

from collections.abc import Iterator
from typing import NamedTuple

from actors.protocols.ipam.settings import PREFIX_SIZE
from actors.units import SECOND
from actors.wire.addresses import ip_bytes, ip_text

DEFAULT_COOLDOWN_NS = 30 * SECOND
"""IP_COOLDOWN_PERIOD."""


class IpamError(ValueError):
    """What the data store cannot do, in ipamd's words."""


class Key(NamedTuple):
    """Whose an address is: one attachment of one sandbox (networkName, containerID, ifName)."""

    network: str
    container_id: str
    ifname: str


class Holder(NamedTuple):
    """An attachment, and the pod (`namespace/name`, and its UID) that it is of."""

    key: Key
    pod: str
    uid: str
    netns: str


class Assigned(NamedTuple):
    """An address that was given, and the ENI and device number that it is on."""

    address: str
    eni: str
    device: int


class Address:
    """One address: assigned to a holder, cooling down, or free."""

    __slots__ = ("holder", "released_ns", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.holder: Holder | None = None
        self.released_ns: int | None = None

    def cools(self, now_ns: int, cooldown_ns: int) -> bool:
        return (
            self.holder is None and self.released_ns is not None and now_ns < self.released_ns + cooldown_ns
        )


class Eni:
    """A network interface with what it gives to pods: its primary address stays its own."""

    def __init__(self, id: str, device: int, primary_address: str, since_ns: int) -> None:
        self.id = id
        self.device = device
        self.primary_address = primary_address
        self.since_ns = since_ns
        self.addresses: dict[str, Address] = {}
        self.prefixes: dict[str, list[Address]] = {}
        """Each prefix (`10.0.10.32/28`) with its addresses."""

    @property
    def is_primary(self) -> bool:
        return self.device == 0

    def all(self) -> Iterator[Address]:
        yield from self.addresses.values()
        for addresses in self.prefixes.values():
            yield from addresses

    @property
    def slots_used(self) -> int:
        """How many of the interface's places are taken by secondary addresses and prefixes."""
        return len(self.addresses) + len(self.prefixes)


class Stats(NamedTuple):
    """Addresses: all, those that pods have, and those that cool down. Prefixes: all, and those without any pod."""

    total: int
    assigned: int
    cooling: int
    prefixes: int
    free_prefixes: int

    @property
    def available(self) -> int:
        """Those that no pod has: the cooling ones too."""
        return self.total - self.assigned


class DataStore:
    """What ipamd knows of its node's addresses."""

    def __init__(self, cooldown_ns: int = DEFAULT_COOLDOWN_NS) -> None:
        self.enis: dict[str, Eni] = {}
        self._cooldown_ns = cooldown_ns
        self._holders: dict[Key, tuple[Eni, Address]] = {}

    # ---- what EC2 has --------------------------------------------------------------------------------------

    def add_eni(self, id: str, device: int, primary_address: str, now_ns: int) -> Eni:
        """An ENI is attached. Raises `IpamError` for one that is known."""
        if id in self.enis:
            raise IpamError(f"data store: duplicate ENI {id}")
        self.enis[id] = Eni(id, device, primary_address, now_ns)
        self.enis = dict(sorted(self.enis.items(), key=lambda item: item[1].device))
        return self.enis[id]

    def remove_eni(self, id: str, *, force: bool = False) -> list[Holder]:
        """An ENI is gone, with its addresses. Raises `IpamError` while pods have some, unless forced: then these pods'
        attachments are gone too, and returned."""
        eni = self._known(id)
        holders = [address.holder for address in eni.all() if address.holder is not None]
        if holders and not force:
            raise IpamError(f"data store: ENI {id} has {len(holders)} pods")
        for holder in holders:
            del self._holders[holder.key]
        del self.enis[id]
        return holders

    def add_address(self, eni_id: str, text: str) -> None:
        """A secondary address is on the ENI. Raises `IpamError` for one that is known."""
        eni = self._known(eni_id)
        if text in eni.addresses:
            raise IpamError(f"data store: IP {text} is already on {eni_id}")
        in_order = not eni.addresses or ip_bytes(next(reversed(eni.addresses))) < ip_bytes(text)
        eni.addresses[text] = Address(text)
        if not in_order:
            eni.addresses = dict(sorted(eni.addresses.items(), key=lambda item: ip_bytes(item[0])))

    def add_prefix(self, eni_id: str, cidr: str) -> None:
        """A /28 is delegated to the ENI. Raises `IpamError` for one that is known."""
        eni = self._known(eni_id)
        if cidr in eni.prefixes:
            raise IpamError(f"data store: prefix {cidr} is already on {eni_id}")
        first = int.from_bytes(ip_bytes(cidr.partition("/")[0]))
        eni.prefixes[cidr] = [Address(ip_text((first + offset).to_bytes(4))) for offset in range(PREFIX_SIZE)]
        eni.prefixes = dict(
            sorted(eni.prefixes.items(), key=lambda item: ip_bytes(item[0].partition("/")[0]))
        )

    def remove_address(self, eni_id: str, text: str, *, force: bool = False) -> Holder | None:
        """A secondary address is no longer there. Raises `IpamError` while a pod has it, unless forced: then the pod's
        attachment is gone too, and returned."""
        eni = self._known(eni_id)
        address = eni.addresses.get(text)
        if address is None:
            raise IpamError(f"data store: unknown IP {text} on {eni_id}")
        if address.holder is not None and not force:
            raise IpamError(f"data store: IP {text} is used by {address.holder.pod}")
        del eni.addresses[text]
        if address.holder is not None:
            del self._holders[address.holder.key]
        return address.holder

    def remove_prefix(self, eni_id: str, cidr: str, *, force: bool = False) -> list[Holder]:
        """A prefix is no longer delegated; as `remove_address`."""
        eni = self._known(eni_id)
        if cidr not in eni.prefixes:
            raise IpamError(f"data store: unknown prefix {cidr} on {eni_id}")
        holders = [address.holder for address in eni.prefixes[cidr] if address.holder is not None]
        if holders and not force:
            raise IpamError(f"data store: prefix {cidr} is used by {len(holders)} pods")
        del eni.prefixes[cidr]
        for holder in holders:
            del self._holders[holder.key]
        return holders

    def _known(self, id: str) -> Eni:
        if id not in self.enis:
            raise IpamError(f"data store: unknown ENI {id}")
        return self.enis[id]

    # ---- pods ----------------------------------------------------------------------------------------------

    def assign(self, holder: Holder, now_ns: int) -> Assigned | None:
        """An address for an attachment, the same if it has one; None when there is none at this moment.

        On each ENI an address that was used before and has cooled down comes first, then the lowest unused one. In
        which order ipamd tries ENIs is left to Go's maps; here it is by device number."""
        known = self.assigned(holder.key)
        if known is not None:
            return known
        for eni in self.enis.values():
            address = self._free(eni, now_ns)
            if address is not None:
                return self._give(holder, eni, address)
        return None

    def restore(self, holder: Holder, text: str) -> Assigned | None:
        """Give an attachment the address that it had before a restart; None if that is gone, or another's."""
        for eni in self.enis.values():
            for address in eni.all():
                if address.text == text and address.holder is None:
                    return self._give(holder, eni, address)
        return None

    def _give(self, holder: Holder, eni: Eni, address: Address) -> Assigned:
        address.holder, address.released_ns = holder, None
        self._holders[holder.key] = (eni, address)
        return Assigned(address.text, eni.id, eni.device)

    def _free(self, eni: Eni, now_ns: int) -> Address | None:
        unused = None
        for address in eni.all():
            if address.holder is not None:
                continue
            if address.released_ns is None:
                unused = unused or address
            elif not address.cools(now_ns, self._cooldown_ns):
                return address
        return unused

    def assigned(self, key: Key) -> Assigned | None:
        """What an attachment has."""
        if key not in self._holders:
            return None
        eni, address = self._holders[key]
        return Assigned(address.text, eni.id, eni.device)

    def release(self, key: Key, now_ns: int) -> Assigned | None:
        """The attachment is gone: its address begins to cool down. None if it has none."""
        known = self.assigned(key)
        if known is not None:
            _, address = self._holders.pop(key)
            address.holder, address.released_ns = None, now_ns
        return known

    def holders(self) -> list[tuple[Holder, Assigned]]:
        """All attachments with what they have."""
        return [
            (address.holder, Assigned(address.text, eni.id, eni.device))
            for eni, address in self._holders.values()
            if address.holder is not None
        ]

    # ---- figures -------------------------------------------------------------------------------------------

    def stats(self, now_ns: int) -> Stats:
        """How many addresses and prefixes there are, of each state."""
        total = assigned = cooling = prefixes = free_prefixes = 0
        for eni in self.enis.values():
            for address in eni.all():
                total += 1
                assigned += address.holder is not None
                cooling += address.cools(now_ns, self._cooldown_ns)
            prefixes += len(eni.prefixes)
            free_prefixes += sum(_unassigned(addresses) for addresses in eni.prefixes.values())
        return Stats(total, assigned, cooling, prefixes, free_prefixes)

    def removable_addresses(self, eni: Eni, now_ns: int) -> list[str]:
        """The ENI's addresses that no pod has and that do not cool down, last ones first."""
        return [
            address.text
            for address in reversed(eni.addresses.values())
            if address.holder is None and not address.cools(now_ns, self._cooldown_ns)
        ]

    def removable_prefixes(self, eni: Eni, now_ns: int) -> list[str]:
        """The ENI's prefixes without any address that a pod has or that cools down, last ones first."""
        return [
            cidr
            for cidr in reversed(eni.prefixes)
            if not any(
                address.holder is not None or address.cools(now_ns, self._cooldown_ns)
                for address in eni.prefixes[cidr]
            )
        ]

    def is_quiet(self, eni: Eni, now_ns: int) -> bool:
        """Whether no pod has any of the ENI's addresses, and none cools down."""
        return not any(
            address.holder is not None or address.cools(now_ns, self._cooldown_ns) for address in eni.all()
        )


def _unassigned(addresses: list[Address]) -> bool:
    return all(address.holder is None for address in addresses)
