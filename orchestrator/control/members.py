"""Who is in the world, as the orchestrator knows them."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from actors.element import CallFailed
from actors.links.curve import needs_keys

LATE_S = 3.0


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
    faults: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By link and id, those that it was told when it joined."""
    doomed: bool = False
    """Its end has been decided; `gone` tells when it has come."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, state: str) -> None:
        self.state = state
        self.changed.set()

    async def until_up(self, up: bool = True) -> None:
        """Wait until it is up, again if need be, or is not."""
        while (self.state == "up") != up:
            self.changed.clear()
            await self.changed.wait()

    @property
    def shown_state(self) -> str:
        """The state as users see it: an element that is up but has not been heard of for a while is late."""
        late = self.state == "up" and time.monotonic() - self.last_beat > LATE_S
        return "late" if late else self.state


class Members(dict[str, Member]):
    """All of them, by name."""

    def __init__(self) -> None:
        super().__init__()
        self._faults: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        """Those that elements begin with: by element, link and fault."""

    def expect(self, name: str, kind: str, welcome: dict[str, Any]) -> Member:
        """Let an element of this name join; `welcome` is what it will be told."""
        member = self[name] = Member(name, kind, welcome)
        if name in self._faults:
            welcome["faults"] = self._faults[name]
        if not needs_keys(welcome["bind"]):
            member.endpoint = welcome["bind"]
        return member

    def forget(self, member: Member) -> None:
        """A launched element has ended: its name is free again."""
        if self.get(member.name) is member:
            del self[member.name]
        member.gone.set()
        member.changed.set()

    def find(self, name: str) -> Member:
        """Raises `CallFailed` for a name that nobody has."""
        if name not in self:
            raise CallFailed(f"there is no element {name!r}")
        return self[name]

    def pod_of(self, name: str) -> str:
        """The `namespace/name` of the pod that an element is. Raises `CallFailed` or KeyError if it is none."""
        return str(self.find(name).welcome["config"]["pod"])

    async def until(self, *states: str) -> None:
        """Wait until everyone is in one of these states. Raises `CallFailed` if one fails to start."""
        for member in list(self.values()):
            while member.state not in states:
                if member.state == "failed":
                    raise CallFailed(f"{member.name} could not start: {member.why}")
                member.changed.clear()
                await member.changed.wait()

    # ---- the links between them ----------------------------------------------------------------------------------

    def links(self) -> list[str]:
        """The names of all links that somebody is joined by."""
        return sorted({link["link"] for member in self.values() for link in member.welcome["links"]})

    def link_ends(self) -> dict[str, list[str]]:
        """The elements at the ends of each link, as far as they are there."""
        ends: dict[str, list[str]] = {}
        for member in self.values():
            for link in member.welcome["links"]:
                known = ends.setdefault(link["link"], [])
                known += [name for name in (member.name, link["peer"][0]) if name not in known]
        return ends

    def link_delay_ns(self, link: str) -> int:
        """The delay in a link's config; 0 for one that is not there."""
        links = (each for member in self.values() for each in member.welcome["links"])
        return next((int(each["config"]["delay"]) for each in links if each["link"] == link), 0)

    def note_fault(self, element: str, link: str, fault: str, fields: dict[str, Any] | None) -> None:
        """Have an element begin with a fault of a link when it is started or launched anew, or no longer (None)."""
        faults = self._faults.setdefault(element, {})
        if element in self:
            self[element].welcome["faults"] = faults
        if fields is None:
            faults.setdefault(link, {}).pop(fault, None)
        else:
            faults.setdefault(link, {})[fault] = fields

    def missed(self, member: Member) -> list[dict[str, Any]]:
        """What has become of its faults since it joined, while it could not be asked anything yet: `link`, `fault` and
        `fields`, None where it is over."""
        before, now = member.faults, self._faults.get(member.name, {})
        found = []
        for link in dict.fromkeys((*before, *now)):
            told, true = before.get(link, {}), now.get(link, {})
            for fault in dict.fromkeys((*told, *true)):
                if told.get(fault) != true.get(fault):
                    found.append({"link": link, "fault": fault, "fields": true.get(fault)})
        return found

    def neighbours(self, member: Member) -> list[tuple[str, Member, str]]:
        """What is at the other end of each of its links: its own port, who is there, and at which port of theirs."""
        found = [
            (link["port"], self.get(link["peer"][0]), link["peer"][1]) for link in member.welcome["links"]
        ]
        return [(port, peer, theirs) for port, peer, theirs in found if peer is not None]
