"""Elements join here, are told what concerns them, and post their records.

The messages are described in `actors/runtime/join.py`. A member's exit is seen at once by its host; a member whose
heartbeat is overdue is "late", not dead. A malformed message is counted and dropped.
"""

import copy
import logging
import time
from collections.abc import Callable
from typing import Any

import zmq

from actors.links.curve import Keys, needs_keys
from actors.links.junk import log_junk
from actors.runtime.control_line import unpacked
from orchestrator.control.calls import Calls
from orchestrator.control.line import ControlLine
from orchestrator.control.members import Member, Members

log = logging.getLogger("orchestrator")

FLUSH_S = 2.0


class Registry:
    """What elements say, and what each is told because of it."""

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", address: str, keys: Keys | None = None
    ) -> None:
        """Raises `NoKeys` for an address that needs some."""
        self.address = address
        self.members = Members()
        self.calls = Calls(self.members, self.send)
        self.line = ControlLine(context, address, keys, self._on_message)
        self.malformed = 0
        self.on_records: Callable[[list[dict[str, Any]]], None] = lambda records: None
        self.on_frames: Callable[[list[Any]], None] = lambda frames: None
        self.on_metrics: Callable[[str, dict[str, Any]], None] = lambda element, deltas: None
        self.on_address: Callable[[str, str], None] = lambda name, url: None
        self.on_join: Callable[[Member], None] = lambda member: None
        self.on_gone: Callable[[Member], None] = lambda member: None
        self.on_outpost: Callable[[bytes, dict[str, Any]], None] = lambda identity, message: None
        self._by_identity: dict[bytes, Member] = {}
        self._go = False

    def go(self) -> None:
        """All inboxes are open: let the elements start, and those that join later at once."""
        self._go = True
        for member in self.members.values():
            self._start(member)

    def gone(self, member: Member, why: str) -> None:
        """The member's process has ended: fail what others asked of it and take the carrier off its links."""
        member.become("down")
        member.listening = False
        self._by_identity.pop(member.identity, None)
        self.calls.fail(member, f"{member.name} {why}")
        self.on_gone(member)
        self._carrier(member, up=False)

    async def flush(self) -> None:
        """Wait until everything that elements have recorded so far is here, but not long for a busy one."""
        await self.calls.flush(FLUSH_S)

    def close(self) -> None:
        self.calls.close()
        self.line.close()

    # ---- what is said to them ------------------------------------------------------------------------------------

    def send(self, member: Member, **message: Any) -> None:
        """Say something to an element, at the end of this turn of the event loop."""
        if member.identity:
            self.line.say(member.identity, message)

    def _start(self, member: Member) -> None:
        """Over tcp an element is told where its neighbours' inboxes are, as far as they are open."""
        neighbours = self.members.neighbours(member) if needs_keys(member.welcome["bind"]) else []
        endpoints = {peer.name: peer.endpoint for _, peer, _ in neighbours if peer.endpoint}
        self.send(member, t="start", endpoints=endpoints)

    def _carrier(self, member: Member, up: bool) -> None:
        for _, peer, port in self.members.neighbours(member):
            if peer.listening:
                self.send(peer, t="carrier", port=port, up=up)

    def _tell_where(self, member: Member) -> None:
        """Tell the neighbours in which other place it is now; those that launch elements are told when it is there."""
        for _, peer, _ in self.members.neighbours(member) if member.parent is None else ():
            if peer.state in ("bound", "up"):
                self.send(peer, t="moved", peer=member.name, endpoint=member.endpoint)

    # ---- what they say --------------------------------------------------------------------------------------------

    def _on_message(self, identity: bytes, packed: bytes) -> None:
        for message in unpacked(packed):
            try:
                kind = message["t"]
                if kind == "hello":
                    self._on_hello(identity, message)
                elif kind.startswith("outpost."):
                    self.on_outpost(identity, message)
                elif kind == "beat" and identity not in self._by_identity and self.line.is_remote:
                    self.line.say(identity, {"t": "stop"})  # of a world that this orchestrator does not know
                else:
                    getattr(self, f"_on_{kind}")(self._by_identity[identity], message)
            except Exception as error:
                self.malformed += 1
                log_junk(log.name, self.malformed, error)

    def _on_hello(self, identity: bytes, message: dict[str, Any]) -> None:
        member = self.members[message["name"]]
        if member.identity == identity and member.state != "starting":
            return
        member.identity = identity
        if (
            not self.line.is_remote
        ):  # elsewhere processes have numbers of their own; the host says what ours is
            member.pid = int(message["pid"])
        member.become("starting")
        self._by_identity[identity] = member
        member.faults = copy.deepcopy(member.welcome.get("faults", {}))
        self.send(member, t="welcome", **member.welcome)

    def _on_bound(self, member: Member, message: dict[str, Any]) -> None:
        if self.line.is_remote:
            port = str(message["endpoint"]).rpartition(":")[2]
            member.endpoint = f"tcp://{self.line.address_of(member.identity)}:{int(port)}"
            self._tell_where(member)
        member.become("bound")
        self.on_join(member)
        if member.plug is not None and (parent := self.members.get(member.parent or "")) is not None:
            self.send(parent, t="plug", **member.plug, endpoint=member.endpoint)
        if self._go:
            self._start(member)

    def _on_listening(self, member: Member, message: dict[str, Any]) -> None:
        member.listening = True
        self._carrier(member, up=True)
        for port, peer, _ in self.members.neighbours(member):
            if peer.listening:
                self.send(member, t="carrier", port=port, up=True)

    def _on_ready(self, member: Member, message: dict[str, Any]) -> None:
        member.last_beat = time.monotonic()
        member.become("up")
        for change in self.members.missed(member):
            self.calls.tell(member.name, "link_fault", change)

    def _on_failed(self, member: Member, message: dict[str, Any]) -> None:
        member.why = str(message["why"])
        member.become("failed")

    def _on_left(self, member: Member, message: dict[str, Any]) -> None:
        self._by_identity.pop(member.identity, None)

    def _on_beat(self, member: Member, message: dict[str, Any]) -> None:
        member.last_beat = time.monotonic()
        self.on_metrics(member.name, message["metrics"])

    def _on_address(self, member: Member, message: dict[str, Any]) -> None:
        self.on_address(str(message["name"]), str(message["url"]))

    def _on_records(self, member: Member, message: dict[str, Any]) -> None:
        self.on_records(message["records"])

    def _on_frames(self, member: Member, message: dict[str, Any]) -> None:
        self.on_frames(message["frames"])

    def _on_call(self, member: Member, message: dict[str, Any]) -> None:
        self.calls.carry(member, message)

    def _on_result(self, member: Member, message: dict[str, Any]) -> None:
        self.calls.settle(message)

    def _on_flushed(self, member: Member, message: dict[str, Any]) -> None:
        self.calls.settle(message)
