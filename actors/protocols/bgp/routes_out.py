"""What neighbours are told of the best paths: the Adj-RIBs-Out, and when they change (RFC 4271 section 9.2)."""

from collections.abc import Mapping

from actors.protocols.bgp.attributes import Attributes, Origin
from actors.protocols.bgp.decision import Path
from actors.protocols.bgp.neighbour import Neighbour
from actors.protocols.bgp.policy import Relationship, exported, withheld
from actors.protocols.bgp.rib import Ribs
from actors.wire.addresses import Prefix

_UNSAID = Attributes(Origin.INCOMPLETE, (), b"")
"""Stands for what a neighbour was told and wants to hear again; like nothing that is ever told."""


class RoutesOut:
    """Of one speaker, to all its neighbours."""

    def __init__(self, asn: int, ribs: Ribs, neighbours: Mapping[str, Neighbour]) -> None:
        self._asn, self._ribs, self._neighbours = asn, ribs, neighbours

    def advertise(self, neighbour: Neighbour, prefixes: list[Prefix], now_ns: int) -> None:
        """Tell a neighbour what has become of these: withdraw at once, announce when the MRAI allows it."""
        if neighbour.established is None:
            return
        told, gone = self._ribs.told[neighbour.name], []
        if neighbour.outbox.held:
            for prefix in prefixes:
                neighbour.outbox.put(prefix)
            return
        for prefix in prefixes:
            attributes = self._export(neighbour, prefix)
            if attributes is None:
                neighbour.outbox.drop(prefix)
                if told.pop(prefix, None) is not None:
                    gone.append(prefix)
            elif attributes != told.get(prefix):
                neighbour.outbox.put(prefix)
            else:
                neighbour.outbox.drop(prefix)
        neighbour.tell(gone, {})
        self.flush(neighbour, now_ns)

    def advertise_all(self, neighbour: Neighbour, now_ns: int) -> None:
        """Tell a neighbour of everything that there is."""
        self.advertise(neighbour, list(self._ribs.chosen), now_ns)

    def refresh(self, neighbour: Neighbour, now_ns: int) -> None:
        """Tell a neighbour everything again (RFC 2918); it still has it, so what goes meanwhile is withdrawn."""
        told = self._ribs.told[neighbour.name]
        told.update(dict.fromkeys(told, _UNSAID))
        self.advertise_all(neighbour, now_ns)

    def flush(self, neighbour: Neighbour, now_ns: int) -> None:
        """Announce what has waited for its time."""
        if neighbour.established is None:
            return
        groups: dict[Attributes, list[Prefix]] = {}
        told, gone = self._ribs.told[neighbour.name], []
        for prefix in neighbour.outbox.take(now_ns):
            attributes = self._export(neighbour, prefix)
            if attributes is None:
                if told.pop(prefix, None) is not None:
                    gone.append(prefix)
            elif attributes != told.get(prefix):
                told[prefix] = attributes
                groups.setdefault(attributes, []).append(prefix)
        neighbour.tell(gone, groups)

    def _export(self, neighbour: Neighbour, prefix: Prefix) -> Attributes | None:
        verdict = self._ribs.chosen.get(prefix)
        if verdict is None or self.not_told(neighbour, verdict.best) is not None:
            return None
        peering = neighbour.peering
        return exported(peering.policy, self._asn, peering.local_address, verdict.best.attributes)

    def not_told(self, neighbour: Neighbour, path: Path) -> str | None:
        """Why a neighbour does not hear of this path; None when it does."""
        if path.neighbour == neighbour.name:
            return "it told us"
        return withheld(neighbour.peering.policy, path, self._relationship(path))

    def _relationship(self, path: Path) -> Relationship | None:
        """What the neighbour is to us who told the path; None for our own."""
        teller = self._neighbours.get(path.neighbour)
        return None if teller is None else teller.peering.policy.relationship
