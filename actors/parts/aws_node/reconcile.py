"""What ipamd believes, made to agree with what EC2 has: nodeIPPoolReconcile."""

from actors.element import Context
from actors.parts.aws_node.allocations import Allocations
from actors.parts.aws_node.eni_actions import AttachedEni
from actors.parts.aws_node.ipamd_metrics import IpamdMetrics
from actors.protocols.ipam.datastore import DataStore

GONE = "ForceRemoved"


class Reconciler:
    """Compares the data store with the instance's metadata."""

    def __init__(
        self, context: Context, store: DataStore, allocations: Allocations, metrics: IpamdMetrics
    ) -> None:
        self._context, self._store = context, store
        self._allocations, self._metrics = allocations, metrics

    def know(self, eni: AttachedEni) -> None:
        """An ENI that is new, with all that is on it; not one that is being detached."""
        if self._allocations.is_leaving(eni.id):
            return
        self._store.add_eni(eni.id, eni.device, eni.primary_address, self._context.now_ns())
        self._find(eni)

    def compare(self, enis: tuple[AttachedEni, ...]) -> None:
        """Take in what is new, let go what is no longer there, pods' addresses too."""
        held = dict(self._store.holders())
        attached = {eni.id for eni in enis}
        for known in [each for each in self._store.enis if each not in attached]:
            self._store.remove_eni(known, force=True)
            self._metrics.force_removed_enis.value += 1
        for eni in enis:
            if eni.id not in self._store.enis:
                self.know(eni)
            else:
                self._let_go(eni)
                self._find(eni)
        lost = {holder: had for holder, had in held.items() if self._store.assigned(holder.key) is None}
        self._allocations.forget(lost, GONE)

    def _find(self, eni: AttachedEni) -> None:
        """Addresses and prefixes count in both modes, for pods may have theirs from before the mode was changed."""
        known = self._store.enis[eni.id]
        for address in eni.addresses:
            if address not in known.addresses and not self._allocations.is_leaving(address):
                self._store.add_address(eni.id, address)
        for prefix in eni.prefixes:
            if prefix not in known.prefixes and not self._allocations.is_leaving(prefix):
                self._store.add_prefix(eni.id, prefix)

    def _let_go(self, eni: AttachedEni) -> None:
        known = self._store.enis[eni.id]
        for address in [each for each in known.addresses if each not in eni.addresses]:
            self._store.remove_address(eni.id, address, force=True)
            self._metrics.force_removed_ips.value += 1
        for prefix in [each for each in known.prefixes if each not in eni.prefixes]:
            self._store.remove_prefix(eni.id, prefix, force=True)
            self._metrics.force_removed_ips.value += 1
