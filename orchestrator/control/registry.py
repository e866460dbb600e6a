"""Who is in the world: elements join here, are watched, are called, and post their records.

The messages are described in `actors/runtime/join.py`. A member's exit is seen at once by its host; a member whose
heartbeat is overdue is "late", not dead. A malformed message is counted and dropped.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgpack
import zmq

from actors.element import CallFailed
from actors.links.curve import Gatekeeper, Keys, keys_for, needs_keys
from actors.links.zeromq import DrainedSocket, log_junk
from actors.runtime.join import ORCHESTRATOR, unpacked
from actors.runtime.open_calls import OpenCalls
from orchestrator.control.callers import Callers

log = logging.getLogger("orchestrator")

LATE_S = 3.0
CALL_TIMEOUT_S = 60.0


@dataclass
class Member:
    """One element as the orchestrator knows it. States: starting, bound, up, failed, down."""

    name: str
    kind: str
    welcome: dict[str, Any]
    state: str = "starting"
    pid: int = 0
    restarts: int = 0
    stumbles: int = 0
    last_beat: float = 0.0
    identity: bytes = b""
    listening: bool = False
    why: str = ""
    parent: str | None = None
    """The element that launched it; None for those of the world file."""
    endpoint: str = ""
    """Where its inbox is; over tcp that is known when it is open."""
    plug: dict[str, Any] | None = None
    """What its parent is told, once its inbox is open, of the link between them."""
    held: bool = False
    """It is not to be started again for now: a fault has crashed it for a time."""
    doomed: bool = False
    """Its end has been decided; `gone` tells when it has come."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, state: str) -> None:
        self.state = state
        self.changed.set()

    @property
    def shown_state(self) -> str:
        """The state as users see it: an element that is up but has not been heard of for a while is late."""
        late = self.state == "up" and time.monotonic() - self.last_beat > LATE_S
        return "late" if late else self.state


class Registry:
    """The orchestrator's end of every element's control line."""

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", address: str, keys: Keys | None = None
    ) -> None:
        """Raises `NoKeys` for an address that needs some."""
        self.address = address
        self.members: dict[str, Member] = {}
        self.malformed = 0
        self.on_records: Callable[[list[dict[str, Any]]], None] = lambda records: None
        self.on_frames: Callable[[list[Any]], None] = lambda frames: None
        self.on_metrics: Callable[[str, dict[str, Any]], None] = lambda element, deltas: None
        self.on_address: Callable[[str, str], None] = lambda name, url: None
        self.on_join: Callable[[Member], None] = lambda member: None
        self.on_gone: Callable[[Member], None] = lambda member: None
        self.on_request: Callable[[Member, str, dict[str, Any]], Awaitable[Any]] = _nothing_to_ask
        self.on_outpost: Callable[[bytes, dict[str, Any]], None] = lambda identity, message: None
        self.on_lost: Callable[[bytes], None] = lambda identity: None
        self._by_identity: dict[bytes, Member] = {}
        self._faults: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        self._go = False
        self._calls = OpenCalls()
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_send: dict[bytes, list[dict[str, Any]]] = {}
        socket = context.socket(zmq.ROUTER)
        socket.set(zmq.ROUTER_MANDATORY, 0)
        socket.set(zmq.SNDHWM, 0)
        socket.set(zmq.RCVHWM, 0)
        self._gate: Gatekeeper | None = None
        self._callers: Callers | None = None
        if (known := keys_for(address, keys)) is not None:
            self._gate = Gatekeeper(context, [known.elements])
            known.serve(socket)
            self._callers = Callers(socket)
            self._callers.on_lost = self._lost
        socket.bind(address)
        take = self._on_message if self._callers is None else self._on_call_from
        self._line = DrainedSocket(socket, take, multipart=True, frames=self._callers is not None)

    # ---- who is here ------------------------------------------------------------------------------------------

    def expect(self, name: str, kind: str, welcome: dict[str, Any]) -> Member:
        """Let an element of this name join; `welcome` is what it will be told."""
        member = self.members[name] = Member(name, kind, welcome)
        if name in self._faults:
            welcome["faults"] = self._faults[name]
        if not needs_keys(welcome["bind"]):
            member.endpoint = welcome["bind"]
        return member

    def links(self) -> list[str]:
        """The names of all links that somebody is joined by."""
        return sorted({link["link"] for member in self.members.values() for link in member.welcome["links"]})

    def link_ends(self) -> dict[str, list[str]]:
        """The elements at the ends of each link, as far as they are there."""
        ends: dict[str, list[str]] = {}
        for member in self.members.values():
            for link in member.welcome["links"]:
                known = ends.setdefault(link["link"], [])
                known += [name for name in (member.name, link["peer"][0]) if name not in known]
        return ends

    def faults_of(self, element: str) -> dict[str, dict[str, dict[str, Any]]]:
        """Faults that an element begins with, by link and id, to be changed; also when it is launched anew."""
        faults = self._faults.setdefault(element, {})
        if element in self.members:
            self.members[element].welcome["faults"] = faults
        return faults

    def link_delay_ns(self, link: str) -> int:
        """The delay in a link's config; 0 for one that is not there."""
        links = (each for member in self.members.values() for each in member.welcome["links"])
        return next((int(each["config"]["delay"]) for each in links if each["link"] == link), 0)

    def forget(self, member: Member) -> None:
        """A launched element has ended: its name is free again."""
        if self.members.get(member.name) is member:
            del self.members[member.name]
        member.gone.set()
        member.changed.set()

    def member(self, name: str) -> Member:
        """Raises `CallFailed` for a name that nobody has."""
        if name not in self.members:
            raise CallFailed(f"there is no element {name!r}")
        return self.members[name]

    async def until(self, *states: str) -> None:
        """Wait until every member is in one of these states. Raises `CallFailed` if one fails to start."""
        for member in list(self.members.values()):
            while member.state not in states:
                if member.state == "failed":
                    raise CallFailed(f"{member.name} could not start: {member.why}")
                member.changed.clear()
                await member.changed.wait()

    def go(self) -> None:
        """All inboxes are open: let the elements start, and those that join later at once."""
        self._go = True
        for member in self.members.values():
            self._start(member)

    def _start(self, member: Member) -> None:
        self.send(member, t="start", endpoints=self._endpoints(member))

    def _endpoints(self, member: Member) -> dict[str, str]:
        """Over tcp: where its neighbours' inboxes are, as far as they are open."""
        if not needs_keys(member.welcome["bind"]):
            return {}
        peers = [self.members.get(link["peer"][0]) for link in member.welcome["links"]]
        return {peer.name: peer.endpoint for peer in peers if peer is not None and peer.endpoint}

    def gone(self, member: Member, why: str) -> None:
        """The member's process has ended: fail what others asked of it and take the carrier off its links."""
        member.become("down")
        member.listening = False
        self._by_identity.pop(member.identity, None)
        self._calls.fail(member, f"{member.name} {why}")
        self.on_gone(member)
        self._carrier(member, up=False)

    def _carrier(self, member: Member, up: bool) -> None:
        for link in member.welcome["links"]:
            name, port = link["peer"]
            if (peer := self.members.get(name)) and peer.listening:
                self.send(peer, t="carrier", port=port, up=up)

    # ---- what is said to them ------------------------------------------------------------------------------------

    def send(self, member: Member, **message: Any) -> None:
        """Say something to an element, at the end of this turn of the event loop."""
        if member.identity:
            self.send_to(member.identity, **message)

    def send_to(self, identity: bytes, **message: Any) -> None:
        """Say something to whoever is at the other end of a line."""
        if not self._to_send:
            asyncio.get_running_loop().call_soon(self._send_all)
        self._to_send.setdefault(identity, []).append(message)

    def _send_all(self) -> None:
        to_send, self._to_send = self._to_send, {}
        if self._line.socket.closed:
            return
        for identity, messages in to_send.items():
            with contextlib.suppress(zmq.ZMQError):
                self._line.socket.send_multipart([identity, msgpack.packb(messages)], zmq.NOBLOCK)
        self._line.look_again()

    async def call(
        self, element: str, verb: str, arguments: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> Any:
        """Ask an element; raises `CallFailed`."""
        return msgpack.unpackb(await self._call(element, verb, msgpack.packb(arguments), timeout_s))

    async def _call(self, element: str, verb: str, packed: bytes, timeout_s: float) -> bytes:
        """Ask an element, with arguments and value packed."""
        member = self.member(element)
        if member.state != "up":
            raise CallFailed(f"{element} is {member.state}")
        number = self._calls.open(member)
        self.send(member, t="call", id=number, verb=verb, arguments=packed)
        late = f"{element}: no answer to {verb!r} within {timeout_s:g} s"
        value = await self._calls.answer(number, timeout_s, late)
        assert isinstance(value, bytes)
        return value

    async def flush(self, timeout_s: float = 2.0) -> None:
        """Wait until everything that elements have recorded so far is here, but not long for a busy one."""
        waits = []
        for member in list(self.members.values()):
            if member.state == "up":
                number = self._calls.open(member)
                self.send(member, t="flush", id=number)
                waits.append(self._calls.answer(number, timeout_s, f"{member.name} does not answer"))
        await asyncio.gather(*waits, return_exceptions=True)

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._callers is not None:
            self._callers.close()
        self._line.close()
        if self._gate is not None:
            self._gate.close()

    # ---- what they say --------------------------------------------------------------------------------------------

    def _on_call_from(self, frames: list[zmq.Frame]) -> None:
        assert self._callers is not None
        identity = bytes(frames[0].bytes)
        self._callers.note(identity, frames[-1])
        self._on_message([frame.bytes for frame in frames])

    def _lost(self, identity: bytes) -> None:
        self._to_send.pop(identity, None)
        self.on_lost(identity)

    def _on_message(self, parts: list[bytes]) -> None:
        identity, *rest = parts
        for message in unpacked(b"".join(rest)):
            try:
                kind = message["t"]
                if kind == "hello":
                    self._on_hello(identity, message)
                elif kind.startswith("outpost."):
                    self.on_outpost(identity, message)
                elif kind == "beat" and identity not in self._by_identity and self._callers is not None:
                    self.send_to(identity, t="stop")  # it is of a world that this orchestrator does not know
                else:
                    getattr(self, f"_on_{kind}")(self._by_identity[identity], message)
            except Exception as error:
                self.malformed += 1
                log_junk(log, self.malformed, error)

    def _on_hello(self, identity: bytes, message: dict[str, Any]) -> None:
        member = self.members[message["name"]]
        if member.identity == identity and member.state != "starting":
            return
        member.identity = identity
        if self._callers is None:  # elsewhere processes have numbers of their own; the host says what ours is
            member.pid = int(message["pid"])
        member.become("starting")
        self._by_identity[identity] = member
        self.send(member, t="welcome", **member.welcome)

    def _on_bound(self, member: Member, message: dict[str, Any]) -> None:
        if self._callers is not None:
            port = str(message["endpoint"]).rpartition(":")[2]
            member.endpoint = f"tcp://{self._callers.address(member.identity)}:{int(port)}"
            self._tell_where(member)
        member.become("bound")
        self.on_join(member)
        if member.plug is not None and (parent := self.members.get(member.parent or "")) is not None:
            self.send(parent, t="plug", **member.plug, endpoint=member.endpoint)
        if self._go:
            self._start(member)

    def _tell_where(self, member: Member) -> None:
        """Tell the neighbours in which other place it is now; those that launch elements are told when it is there."""
        for link in member.welcome["links"] if member.parent is None else ():
            peer = self.members.get(link["peer"][0])
            if peer is not None and peer.state in ("bound", "up"):
                self.send(peer, t="moved", peer=member.name, endpoint=member.endpoint)

    def _on_listening(self, member: Member, message: dict[str, Any]) -> None:
        member.listening = True
        self._carrier(member, up=True)
        for link in member.welcome["links"]:
            name, _ = link["peer"]
            if (peer := self.members.get(name)) and peer.listening:
                self.send(member, t="carrier", port=link["port"], up=True)

    def _on_ready(self, member: Member, message: dict[str, Any]) -> None:
        member.last_beat = time.monotonic()
        member.become("up")

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
        task = asyncio.get_running_loop().create_task(self._carry_call(member, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_call(self, member: Member, message: dict[str, Any]) -> None:
        try:
            verb, packed = message["verb"], message["arguments"]
            if message["to"] == ORCHESTRATOR:
                value = msgpack.packb(await self.on_request(member, verb, msgpack.unpackb(packed)))
            else:
                value = await self._call(message["to"], verb, packed, CALL_TIMEOUT_S)
            self.send(member, t="result", id=message["id"], value=value)
        except CallFailed as error:
            self.send(member, t="result", id=message["id"], error=str(error))

    def _on_result(self, member: Member, message: dict[str, Any]) -> None:
        self._calls.settle(message)

    def _on_flushed(self, member: Member, message: dict[str, Any]) -> None:
        self._calls.settle(message)


async def _nothing_to_ask(member: Member, verb: str, arguments: dict[str, Any]) -> Any:
    raise CallFailed(f"nobody answers {verb!r} here")
