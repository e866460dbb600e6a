"""How many addresses a node should have ready, and the one thing to do about it now.

How this works. Every few seconds ipamd asks whether the pool is too low, and does one thing about it: it fills the free
places of an ENI, or gets another ENI. Else it asks whether there is too much, and gives addresses back, or an ENI.
Source: updateIPPoolIfRequired and what it calls, aws/amazon-vpc-cni-k8s pkg/ipamd/ipamd.go.
"""

from typing import NamedTuple

from actors.protocols.instance_types import Limits
from actors.protocols.ipam.datastore import DataStore, Eni, Stats
from actors.protocols.ipam.settings import MINIMUM_ENI_LIFE_NS, PREFIX_SIZE, Settings


class AssignAddresses(NamedTuple):
    """Put so many addresses (prefixes, when these are delegated) on an ENI that has room."""

    eni: str
    number: int


class AddEni(NamedTuple):
    """Get another ENI with so many addresses (or prefixes)."""

    device: int
    number: int


class UnassignAddresses(NamedTuple):
    """Give these addresses (or prefixes) of an ENI back."""

    eni: str
    addresses: tuple[str, ...]


class FreeEni(NamedTuple):
    """Detach and delete an ENI."""

    eni: str


Growth = AssignAddresses | AddEni


class WarmPool:
    """The rules for one node: an instance type's limits, and the settings."""

    def __init__(self, limits: Limits, settings: Settings) -> None:
        self.limits, self.settings = limits, settings
        self.slots = limits.addresses - 1
        """Places for addresses or prefixes on each ENI beside its primary address."""
        self.most_enis = min(settings.max_eni or limits.interfaces, limits.interfaces)

    @property
    def per_slot(self) -> int:
        return PREFIX_SIZE if self.settings.prefix_delegation else 1

    # ---- too few -------------------------------------------------------------------------------------------

    def short(self, stats: Stats) -> int:
        """How many addresses are missing for WARM_IP_TARGET and MINIMUM_IP_TARGET."""
        warm, minimum = self.settings.warm_ip_target or 0, self.settings.minimum_ip_target or 0
        return max(warm - stats.available, minimum - stats.total, 0)

    def is_low(self, stats: Stats) -> bool:
        settings = self.settings
        if settings.max_pods is not None and stats.total >= settings.max_pods:
            return False
        if settings.has_ip_targets:
            return self.short(stats) > 0
        if settings.prefix_delegation:
            # without a target a prefix is wanted as soon as there is no address left
            wanted = settings.warm_prefix_target or 0
            return stats.free_prefixes < wanted if wanted else stats.available == 0
        if settings.warm_eni_target == 0:
            return stats.available == 0
        return stats.available < self.slots * settings.warm_eni_target

    def growth(self, store: DataStore, now_ns: int) -> Growth | None:
        """What to do when there are too few; None if there are enough, or the instance can have no more."""
        stats = store.stats(now_ns)
        if not self.is_low(stats):
            return None
        wanted = self._wanted_slots(stats)
        for eni in store.enis.values():
            room = self.slots - eni.slots_used
            if room > 0:
                return AssignAddresses(eni.id, min(room, wanted))
        if len(store.enis) >= self.most_enis:
            return None
        devices = {eni.device for eni in store.enis.values()}
        device = next(number for number in range(self.limits.interfaces + 1) if number not in devices)
        return AddEni(device, min(self.slots, wanted))

    def _wanted_slots(self, stats: Stats) -> int:
        """How many places to fill: what is short, else all that an ENI has (of prefixes: what the target lacks)."""
        if self.settings.has_ip_targets:
            return -(-self.short(stats) // self.per_slot)
        if self.settings.prefix_delegation:
            return max((self.settings.warm_prefix_target or 1) - stats.free_prefixes, 1)
        return self.slots

    # ---- too many ------------------------------------------------------------------------------------------

    def over(self, stats: Stats) -> int:
        """How many addresses there are beyond WARM_IP_TARGET and MINIMUM_IP_TARGET."""
        warm, minimum = self.settings.warm_ip_target or 0, self.settings.minimum_ip_target or 0
        return max(min(stats.available - warm, stats.total - minimum), 0)

    def shrinkage(self, store: DataStore, now_ns: int) -> list[UnassignAddresses]:
        """What to give back when there is too much; ENIs are `idle_eni`'s business."""
        stats = store.stats(now_ns)
        if self.settings.prefix_delegation:
            return self._spare_prefixes(store, stats, now_ns)
        if not self.settings.has_ip_targets:
            return []
        over, given_back = self.over(stats), []
        for eni in reversed(store.enis.values()):
            addresses = tuple(store.removable_addresses(eni, now_ns)[:over])
            if addresses:
                given_back.append(UnassignAddresses(eni.id, addresses))
                over -= len(addresses)
        return given_back

    def _spare_prefixes(self, store: DataStore, stats: Stats, now_ns: int) -> list[UnassignAddresses]:
        if self.settings.has_ip_targets:
            spare = self.over(stats) // PREFIX_SIZE
        else:
            spare = max(stats.free_prefixes - max(self.settings.warm_prefix_target or 0, 1), 0)
        given_back = []
        for eni in reversed(store.enis.values()):
            prefixes = tuple(store.removable_prefixes(eni, now_ns)[:spare])
            if prefixes:
                given_back.append(UnassignAddresses(eni.id, prefixes))
                spare -= len(prefixes)
        return given_back

    def idle_eni(self, store: DataStore, now_ns: int) -> FreeEni | None:
        """An ENI that is not needed: never the primary one, a young one, or one with pods or cooling addresses."""
        stats = store.stats(now_ns)
        for eni in reversed(store.enis.values()):
            if eni.is_primary or now_ns - eni.since_ns < MINIMUM_ENI_LIFE_NS:
                continue
            if store.is_quiet(eni, now_ns) and self._can_do_without(eni, stats):
                return FreeEni(eni.id)
        return None

    def _can_do_without(self, eni: Eni, stats: Stats) -> bool:
        held = sum(1 for _ in eni.all())
        if self.settings.has_ip_targets:
            warm, minimum = self.settings.warm_ip_target or 0, self.settings.minimum_ip_target or 0
            return stats.available - held >= warm and stats.total - held >= minimum
        if self.settings.prefix_delegation:
            return stats.free_prefixes - len(eni.prefixes) >= max(self.settings.warm_prefix_target or 0, 1)
        return stats.available >= (self.settings.warm_eni_target + 1) * self.slots
