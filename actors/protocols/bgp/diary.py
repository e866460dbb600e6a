"""What a speaker has the journal told, event by event."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from actors.protocols.bgp.attributes import Attributes, path_text
from actors.protocols.bgp.decision import Path, Verdict
from actors.protocols.bgp.errors import error_text
from actors.protocols.bgp.messages import Notification, Update
from actors.protocols.bgp.neighbour import Neighbour
from actors.protocols.bgp.session import Session
from actors.wire.addresses import Prefix, ip_text


class Diary:
    """Puts what has happened into the fields of its record; `tell` takes the kind and the fields."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self._tell = tell

    def opened(self, neighbour: Neighbour, session: Session) -> None:
        peer = session.peer
        assert peer is not None
        self._tell(
            "bgp.open",
            neighbour=neighbour.name,
            peer_asn=peer.asn,
            identifier=ip_text(peer.identifier),
            hold_time_s=peer.hold_time_s,
            capabilities=[code for code, _ in peer.capabilities],
        )

    def up(self, neighbour: Neighbour) -> None:
        session = neighbour.established
        assert session is not None
        self._tell(
            "bgp.established",
            neighbour=neighbour.name,
            peer_asn=neighbour.peering.settings.peer_asn,
            hold_time_s=session.hold_ns / 1e9,
            dialled=session.dialled,
        )

    def down(self, neighbour: Neighbour, why: str, routes_lost: int) -> None:
        self._tell(
            "bgp.down",
            neighbour=neighbour.name,
            peer_asn=neighbour.peering.settings.peer_asn,
            why=why,
            routes_lost=routes_lost,
        )

    def notified(self, neighbour: Neighbour, direction: str, message: Notification) -> None:
        self._tell(
            "bgp.notification",
            neighbour=neighbour.name,
            direction=direction,
            error=error_text(message.code, message.subcode),
        )

    def withdrawn(self, neighbour: Neighbour, message: Update, gone: Sequence[Prefix]) -> None:
        fields: dict[str, Any] = {"neighbour": neighbour.name, "prefixes": _some(gone)}
        if message.troubles:
            fields["why"] = f"treated as withdrawn: {'; '.join(map(str, message.troubles))}"
        self._tell("bgp.withdraw", **fields)

    def updated(
        self, neighbour: Neighbour, message: Update, attributes: Attributes, refused: dict[str, str]
    ) -> None:
        """`refused` has the routes that were not let in, and why."""
        fields: dict[str, Any] = {"refused": refused} if refused else {}
        if message.troubles:
            fields["discarded"] = list(map(str, message.troubles))
        if message.withdrawn:
            fields["withdrawn"] = _some(message.withdrawn)
        self._tell(
            "bgp.update",
            neighbour=neighbour.name,
            prefixes=_some(message.announced),
            as_path=path_text(attributes.as_path),
            next_hop=ip_text(attributes.next_hop),
            med=attributes.med,
            **fields,
        )

    def decided(self, prefix: Prefix, old: Path | None, now: Verdict | None) -> None:
        self._tell(
            "bgp.best_path",
            prefix=str(prefix),
            neighbour=now.best.told_by if now else None,
            as_path=path_text(now.best.attributes.as_path) if now else None,
            step=now.step.value if now else "no path is left",
            before=old.told_by if old else None,
        )


def _some(prefixes: Iterable[Prefix]) -> list[str]:
    """The first twenty, as texts: a record is for reading."""
    texts = [str(prefix) for prefix in prefixes]
    return texts if len(texts) <= 20 else [*texts[:20], f"and {len(texts) - 20} more"]
