"""The real BIRD and our speaker: a session, routes both ways, withdrawals, and who is told of a bad message.

Both sit on 127.0.0.1 here, so the next hops that they tell are addresses that nobody has; the bytes are the same."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from actors.isp_as import Config
from actors.parts.bgp import BgpRouter
from actors.protocols.bgp.attributes import (
    Aggregator,
    Origin,
    Segment,
    SegmentKind,
    Unknown,
    path_text,
)
from actors.protocols.bgp.fsm import State
from actors.protocols.bgp.messages import MARKER
from actors.protocols.routes import RouteTable
from actors.units import SECOND
from actors.wire.addresses import Prefix
from tests.interop.alb_on_sockets import LoopContext
from tests.tools import needs

pytestmark = needs("bird", "birdc")
OURS, THEIRS = "10.77.0.0", "10.77.0.1"
BIRD = """
router id {theirs};
log "{directory}/bird.log" all;
debug protocols all;
protocol device {{}}
protocol static {{
  ipv4;
  route 198.51.100.0/24 blackhole {{ bgp_community.add((64501, 7)); }};
  route 192.0.2.0/24 blackhole;
}}
protocol bgp ours {{
  local 127.0.0.1 port {port} as {asn};
  neighbor 127.0.0.1 port {our_port} as {our_asn};
  multihop;
  hold time 3;
  connect delay time 1;
  error wait time 1, 2;
  ipv4 {{
    import all;
    export filter {{ if source != RTS_STATIC then reject; bgp_next_hop = {theirs}; bgp_med = 30; accept; }};
    gateway recursive;
  }};
  passive {passive};
  enable as4 {as4};
}}
"""


class LoopStack:
    """A router's stack on this machine's sockets: every neighbour is a port of 127.0.0.1."""

    def __init__(self, peer_port: int) -> None:
        self.routes = RouteTable()
        self.peer_port = peer_port
        self.port = 0
        self._server: Any = None

    async def create_connection(self, factory: Any, host: str, port: int) -> Any:
        return await asyncio.get_running_loop().create_connection(factory, "127.0.0.1", self.peer_port)

    async def create_server(self, factory: Any, port: int) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(factory, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()


class Journal(LoopContext):
    """Keeps the events."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, kind: str, /, **fields: Any) -> None:
        self.events.append((kind, fields))


class Talk:
    """Our speaker and a bird."""

    def __init__(
        self, directory: Path, *, asn: int = 64501, passive: bool = False, as4: bool = True, **more: Any
    ) -> None:
        self.directory, self.asn, self.passive, self.as4 = directory, asn, passive, as4
        self.our_asn = 4_200_000_000 if as4 else 64502
        self.context = Journal(directory)
        self.stack = LoopStack(free_port())
        config = Config(
            asn=self.our_asn,
            interfaces={"eth0": f"{OURS}/31"},
            bgp={
                "networks": ["203.0.113.0/24"],
                "hold_time": "9s",
                "connect_retry_time": "1s",
                "neighbours": {"bird": {"address": THEIRS, "asn": asn, "relationship": "customer", **more}},
            },
        )
        self.router = BgpRouter(config, self.context, self.stack)  # type: ignore[arg-type]
        # Who calls comes from 127.0.0.1, whatever address the world has for him.
        self.router.admit = lambda _: self.router.speaker.accepted(  # type: ignore[method-assign]
            self.neighbour.peering.address, self.context.now_ns()
        )
        self.bird: asyncio.subprocess.Process | None = None

    @property
    def neighbour(self) -> Any:
        return self.router.speaker.neighbours["bird"]

    async def __aenter__(self) -> "Talk":
        self.stack.port = free_port()
        text = BIRD.format(
            theirs=THEIRS, directory=self.directory, port=self.stack.peer_port, asn=self.asn,
            our_port=self.stack.port, passive="on" if self.passive else "off",
            as4="on" if self.as4 else "off",
            our_asn=self.our_asn,
        )  # fmt: skip
        (self.directory / "bird.conf").write_text(text)
        files = ["-c", self.directory / "bird.conf", "-s", self.socket, "-P", self.directory / "bird.pid"]
        self.bird = await asyncio.create_subprocess_exec("bird", "-f", *map(str, files))
        await self.router.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.router.stop()
        assert self.bird is not None
        self.bird.terminate()
        await self.bird.wait()
        self.stack.close()
        for task in list(self.context.tasks):
            task.cancel()
        await asyncio.sleep(0.05)

    @property
    def socket(self) -> str:
        return str(self.directory / "bird.ctl")

    async def ask(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            "birdc", "-s", self.socket, *words, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return out.decode()

    async def until(self, what: Any, timeout_s: float = 15) -> None:
        async with asyncio.timeout(timeout_s):
            while not what():
                await asyncio.sleep(0.02)

    async def until_bird_shows(self, *words: str, about: str, timeout_s: float = 15) -> str:
        """What bird shows of a prefix or a protocol as soon as it has all these words."""
        async with asyncio.timeout(timeout_s):
            while True:
                shown = await self.ask("show", *about.split())
                if all(word in shown for word in words):
                    return shown
                await asyncio.sleep(0.05)

    def originate(self, prefix: str, **attributes: Any) -> None:
        """A network of our own more, with these attributes."""
        speaker, network = self.router.speaker, Prefix.parse(prefix)
        own = speaker.ribs.own[Prefix.parse("203.0.113.0/24")]
        path = own._replace(prefix=network, attributes=own.attributes._replace(**attributes))
        speaker.ribs.own[network] = path
        speaker._decide([network], self.context.now_ns())

    def withdraw(self, prefix: str) -> None:
        network = Prefix.parse(prefix)
        del self.router.speaker.ribs.own[network]
        self.router.speaker._decide([network], self.context.now_ns())

    def complaints(self) -> list[str]:
        """The lines of bird's log in which it is unhappy: with us (RMT), itself, or its configuration."""
        lines = (self.directory / "bird.log").read_text().splitlines()
        return [
            line
            for line in lines
            if any(f"<{kind}>" in line for kind in ("RMT", "WARN", "ERR", "BUG", "AUTH"))
        ]

    def has(self, prefix: str) -> bool:
        return Prefix.parse(prefix) in self.router.speaker.ribs.chosen

    def is_up(self) -> bool:
        return self.neighbour.state is State.ESTABLISHED


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@pytest.mark.parametrize("passive", [False, True])
async def test_a_session_with_routes_both_ways_withdrawals_and_an_end(tmp_path, passive):
    async with Talk(tmp_path, passive=passive) as talk:
        await talk.until(lambda: talk.is_up() and talk.has("198.51.100.0/24") and talk.has("192.0.2.0/24"))
        heard = talk.router.speaker.ribs.heard["bird"][Prefix.parse("198.51.100.0/24")]
        assert heard.refused is None
        assert (heard.attributes.med, heard.attributes.communities) == (30, ((64501 << 16) + 7,))
        assert talk.neighbour.established.four_octet

        shown = await talk.ask("show", "protocols", "all", "ours")
        for words in ("Established", "4-octet AS numbers", "Route refresh", "Neighbor ID:      10.77.0.0"):
            assert words in shown
        theirs = await talk.ask("show", "route", "all", "203.0.113.0/24")
        assert "BGP.as_path: 4200000000" in theirs
        assert f"BGP.next_hop: {OURS}" in theirs

        await talk.ask("disable", "static1")
        await talk.until(lambda: not talk.has("198.51.100.0/24"))
        await talk.ask("enable", "static1")
        await talk.until(lambda: talk.has("198.51.100.0/24"))

        assert talk.complaints() == []
        talk.withdraw("203.0.113.0/24")
        await asyncio.sleep(0.2)
        assert "203.0.113.0/24" not in await talk.ask("show", "route", "all", "203.0.113.0/24")
        await talk.ask("disable", "ours")
        await talk.until(lambda: not talk.is_up())
        assert "6/2 cease: administrative shutdown" in talk.neighbour.last_error


async def test_bird_reads_every_attribute_that_we_write(tmp_path):
    async with Talk(tmp_path, med=70, prepend=2) as talk:
        await talk.until(talk.is_up)
        sequence = Segment(SegmentKind.AS_SEQUENCE, (64999, 4_200_000_007))
        talk.originate(
            "203.0.115.0/24", origin=Origin.INCOMPLETE, as_path=(sequence, Segment(SegmentKind.AS_SET, (7, 9))),
            communities=((64999 << 16) + 1, (1 << 16) + 2), atomic_aggregate=True,
            aggregator=Aggregator(4_200_000_007, bytes((10, 0, 0, 7))), unknown=(Unknown(99, 0xC0, b"opaque"),),
        )  # fmt: skip
        path = " ".join(["4200000000"] * 3 + ["64999 4200000007 {7 9}"])
        words = (
            "BGP.origin: Incomplete", f"BGP.as_path: {path}", "BGP.med: 70", "BGP.community: (64999,1) (1,2)",
            "BGP.atomic_aggr", "BGP.aggregator: 10.0.0.7 AS4200000007", "6f 70 61 71 75 65",
        )  # fmt: skip
        await talk.until_bird_shows(*words[:3], about="route all 203.0.115.0/24")
        shown = await talk.ask("show", "route", "all", "203.0.115.0/24")
        assert [word for word in words if word not in shown] == [], shown
        assert talk.complaints() == []


async def test_a_bird_that_knows_two_octets_only_has_the_long_numbers_beside(tmp_path):
    async with Talk(tmp_path, as4=False) as talk:
        await talk.until(lambda: talk.is_up() and talk.has("192.0.2.0/24"))
        assert not talk.neighbour.established.four_octet
        sequence = Segment(SegmentKind.AS_SEQUENCE, (4_200_000_007, 7))
        talk.originate("203.0.115.0/24", as_path=(sequence,))
        # AS_PATH says 64502 23456 7, and AS4_PATH what that means.
        await talk.until_bird_shows("BGP.as_path: 64502 4200000007 7", about="route all 203.0.115.0/24")
        assert talk.complaints() == []


async def test_the_smaller_hold_time_rules_and_we_take_leave_with_a_word(tmp_path):
    async with Talk(tmp_path, asn=4_200_000_001) as talk:
        await talk.until(lambda: talk.is_up() and talk.has("192.0.2.0/24"))
        assert talk.neighbour.established.hold_ns == 3 * SECOND
        heard = talk.router.speaker.ribs.heard["bird"][Prefix.parse("192.0.2.0/24")]
        assert path_text(heard.attributes.as_path) == "4200000001"
        assert "Hold timer" in await talk.until_bird_shows("/3", about="protocols all ours")
        assert talk.complaints() == []
        await talk.router.stop()
        await talk.until_bird_shows("Received: Administrative shutdown", about="protocols all ours")
        assert "203.0.113.0/24" not in await talk.ask("show", "route")


async def test_a_thousand_routes_come_and_go_both_ways(tmp_path):
    async with Talk(tmp_path) as talk:
        await talk.until(talk.is_up)
        ours = [f"11.{number >> 8}.{number & 255}.0/24" for number in range(1000)]
        for prefix in ours:
            talk.originate(prefix)
        await talk.until_bird_shows("1001 imported", about="protocols all ours")
        for prefix in ours:
            talk.withdraw(prefix)
        await talk.until_bird_shows("1 imported", about="protocols all ours")
        routes = "".join(
            f"  route 12.{number >> 8}.{number & 255}.0/24 blackhole;\n" for number in range(1000)
        )
        config = (tmp_path / "bird.conf").read_text()
        (tmp_path / "bird.conf").write_text(config.replace("  route 192.0.2.0/24 blackhole;\n", routes))
        assert "Reconfigured" in await talk.ask("configure")
        heard = talk.router.speaker.ribs.heard["bird"]
        await talk.until(lambda: len(heard) == 1001 and not talk.has("192.0.2.0/24"))
        (tmp_path / "bird.conf").write_text(config)
        await talk.ask("configure")
        await talk.until(lambda: len(heard) == 2)
        assert talk.complaints() == []


async def test_a_session_survives_with_routes_coming_and_going(tmp_path):
    """For as many seconds as JOURNEY_BIRD_SECONDS says; the build says 60, twenty times the hold time."""
    seconds = float(os.environ.get("JOURNEY_BIRD_SECONDS", "4"))
    async with Talk(tmp_path) as talk:
        await talk.until(lambda: talk.is_up() and talk.has("198.51.100.0/24"))
        ends_ns, there = talk.context.now_ns() + seconds * 1e9, False
        while talk.context.now_ns() < ends_ns:
            await asyncio.sleep(1)
            there = not there
            (talk.originate if there else talk.withdraw)("203.0.114.0/24")
            await talk.ask("disable" if there else "enable", "static1")
        await talk.ask("enable", "static1")
        await talk.until(lambda: talk.has("198.51.100.0/24") and talk.has("192.0.2.0/24"))
        assert ("203.0.114.0/24" in await talk.ask("show", "route")) == there
        assert [kind for kind, _ in talk.context.events].count("bgp.established") == 1
        assert [kind for kind, _ in talk.context.events].count("bgp.down") == 0
        assert talk.complaints() == []


async def test_it_lives_by_keepalives_and_answers_a_refresh(tmp_path):
    async with Talk(tmp_path) as talk:
        await talk.until(talk.is_up)
        await asyncio.sleep(4)  # more than the hold time of 3 s
        await talk.ask("reload", "in", "ours")
        await asyncio.sleep(0.2)
        assert "203.0.113.0/24" in await talk.ask("show", "route", "all", "203.0.113.0/24")
        assert [kind for kind, _ in talk.context.events].count("bgp.established") == 1


async def test_bird_and_we_end_a_session_over_a_bad_message_and_begin_again(tmp_path):
    async with Talk(tmp_path) as talk:
        await talk.until(talk.is_up)
        talk.router.transmit(talk.neighbour.established, MARKER + b"\0\x13\x09")
        await talk.until(lambda: "1/3 message header: bad message type" in talk.neighbour.last_error)
        await talk.until(talk.is_up)


async def test_another_as_than_expected_is_sent_away(tmp_path):
    async with Talk(tmp_path) as talk:
        session = talk.neighbour.outgoing
        session.settings = session.settings._replace(peer_asn=7)
        talk.neighbour.peering = talk.neighbour.peering._replace(settings=session.settings)
        error = "2/2 open message: bad peer AS"
        await talk.until(lambda: any(fields.get("error") == error for _, fields in talk.context.events))
        assert not talk.is_up()
