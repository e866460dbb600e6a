"""Faults: what they do to links, that they can be changed, and that they end."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.links.impairments import Impairments, LinkConfig, LinkFault
from orchestrator.config import default_world, load_world
from orchestrator.control.api import RequestFailed
from orchestrator.faults.book import FaultBook
from orchestrator.faults.words import fields_of, from_words, partition_of
from orchestrator.scenarios import virtual
from orchestrator.settings import verbs
from orchestrator.settings.words import target_of

MS = 1_000_000
LINK = LinkConfig.model_validate({"between": ("a.x", "b.y"), "delay": "2ms", "rate": "10mbit"})
SHARES = ("loss", "reorder", "duplicate", "corrupt")

faults = st.builds(
    LinkFault.model_construct,
    delay=st.integers(0, 100 * MS),
    jitter=st.integers(0, 100 * MS),
    distribution=st.sampled_from([None, "normal", "pareto"]),
    rate=st.none() | st.integers(1, 10**9),
    cut=st.booleans(),
    down=st.booleans(),
    **{share: st.floats(0, 1) for share in SHARES},
)


@given(st.lists(faults, max_size=4), st.randoms(use_true_random=False))
def test_faults_add_up_in_any_order_and_leave_nothing(several, dice):
    link, other = Impairments(LINK, Random(1)), Impairments(LINK, Random(1))
    link.suffer(several)
    dice.shuffle(several)
    other.suffer(several)
    for name in ("delay_ns", "jitters", "rate", "cut", "down"):
        assert getattr(link, name) == getattr(other, name)
    for share in SHARES:
        assert getattr(link, share) == pytest.approx(getattr(other, share))
        assert 0 <= getattr(link, share) <= 1
    assert link.delay_ns >= 2 * MS and link.jitter_ns == sum(fault.jitter for fault in several)
    assert link.rate is not None and link.rate <= 10**7
    link.suffer([])
    assert (link.delay_ns, link.jitter_ns, link.loss, link.rate, link.cut) == (2 * MS, 0, 0, 10**7, False)


class Story:
    """A world on the virtual clock with a book of its faults."""

    def __init__(self, scene: Any) -> None:
        self.scene, self.book = scene, FaultBook(scene)
        self.told: list[tuple[str, bool | None]] = []
        scene.tell_event = lambda event, target, active: self.told.append((target, active))

    async def add(self, target: str, *words: str) -> dict[str, Any]:
        return await self.book.add(from_words(target, words))

    async def set(self, which: str, *words: str) -> dict[str, Any]:
        return await self.book.change(which, fields_of(words))

    async def rtt_ms(self, host: str = "203.0.113.1") -> float | None:
        return (await self.scene.call("laptop", "ping", host=host)).get("rtt_ms")

    async def begin(self) -> float:
        """Wait until the laptop is online, and all have each other's addresses; how far the ISP is."""
        await self.scene.settled()
        while await self.rtt_ms() is None:
            await asyncio.sleep(0.5)
        return await self.rtt_ms() or 0.0

    async def journal(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in (await self.scene.journal()).events() if event["kind"] in kinds]


def play(story) -> None:
    virtual.play(load_world(default_world()), 1, lambda scene: story(Story(scene)))


def test_a_book_on_the_virtual_clock():
    async def story(it: Story):
        book, before, told = it.book, await it.begin(), it.told
        await it.add("link/fibre", "delay=80ms", "for=2s")
        await it.add("link/fibre", "delay=10ms")
        assert await it.rtt_ms() == pytest.approx(before + 180, abs=1)
        await asyncio.sleep(2.1)
        assert await it.rtt_ms() == pytest.approx(before + 20, abs=1)
        assert [row["id"] for row in book.plain()] == ["fault-2"]
        with pytest.raises(RequestFailed, match="did you mean 'fault-2'"):
            await book.clear("fault-1")
        assert told == [("link/fibre", True), ("link/fibre", True)], "one is left"
        assert len(await book.clear("link/fibre")) == 1 and book.plain() == []
        assert told[2:] == [("link/fibre", False)]
        assert await it.rtt_ms() == pytest.approx(before, abs=1)

        added = await it.add("zone/eu-west-1a", "cut")
        assert added["links"] == ["vpc-alb-1a", "vpc-node-1"], "a node's pods are inside of it"
        await it.add("element/isp", "crash", "for=1s")
        assert await it.rtt_ms() is None
        await asyncio.sleep(1)
        assert await it.rtt_ms()
        assert told[3:] == [("zone/eu-west-1a", True), ("element/isp", True), ("element/isp", False)]
        await it.add("element/transit-1", "crash")
        assert told[6:] == [("element/transit-1", None)], "nothing is left to be cleared"
        await it.add("pod/nginx-0", "loss=100%")
        await book.clear()
        with pytest.raises(RequestFailed, match="no faults at all"):
            await book.clear("fault-1")
        for what in ("link/fiber", "zone/eu-west-1c", "element/ips"):
            with pytest.raises(RequestFailed, match="did you mean"):
                await it.add(what, "cut")

    play(story)


def test_each_field_changes_alone_and_the_journal_tells_of_it():
    async def story(it: Story):
        before = await it.begin()
        await it.add("link/fibre", "delay=80ms", "loss=1%", "for=30s")
        await it.set("fault-1", "loss=off")
        assert await it.rtt_ms() == pytest.approx(before + 160, abs=1)
        await it.set("link:fibre", "delay=10ms", "for=2s")
        assert await it.rtt_ms() == pytest.approx(before + 20, abs=1)
        await it.add("link/fibre", "cut", "for=1s")
        with pytest.raises(RequestFailed, match="fault-1 and fault-2: say which"):
            await it.set("link/fibre", "loss=3%")
        with pytest.raises(RequestFailed, match="did you mean 'fault-2'"):
            await it.set("falt-2", "loss=3%")
        await asyncio.sleep(2.1)
        assert await it.rtt_ms() == pytest.approx(before, abs=1) and it.book.plain() == []
        changes = await it.journal("fault.changed")
        assert [(each["fault"], each["changed"], each["was"], each["what"]) for each in changes] == [
            ("fault-1", {"loss": "off"}, "delay 80ms, loss 1%", "delay 80ms"),
            ("fault-1", {"delay": "10ms", "for": "2s"}, "delay 80ms", "delay 10ms"),
        ]
        ends = await it.journal("fault.added", "fault.ended")
        assert [(each["kind"][6:], each["fault"]) for each in ends] == [
            ("added", "fault-1"), ("added", "fault-2"), ("ended", "fault-2"), ("ended", "fault-1"),
        ]  # fmt: skip

    play(story)


def test_a_carrier_that_goes_is_seen_at_once_and_dhcp_reboots_when_it_is_back():
    async def story(it: Story):
        await it.begin()
        since = it.scene.now_ns()
        await it.add("link/isp-transit-1", "down", "for=2s")
        await it.add("link/wifi", "down", "for=1s")
        await asyncio.sleep(5)
        events = [each for each in (await it.scene.journal()).events() if each["t_ns"] >= since]
        lost = [each["element"] for each in events if each["kind"] == "link.down"]
        assert sorted(lost) == ["home-router", "isp", "laptop", "transit-1"]
        [down] = [each for each in events if each["kind"] == "bgp.down" and each["element"] == "isp"]
        assert (down["t_ns"] - since) / 1e9 < 0.01 and down["why"] == "link down"
        dhcp = [each["kind"] for each in events if each["kind"].startswith("dhcp.")]
        assert "dhcp.discover" not in dhcp and "dhcp.ack" in dhcp, "INIT-REBOOT asks for what it had"
        assert await it.rtt_ms()

    play(story)


def test_an_element_that_begins_while_its_cable_is_out_has_no_carrier():
    async def story(it: Story):
        await it.begin()
        await it.add("link/isp-transit-1", "down")
        await it.add("element/isp", "crash", "for=1s")
        await asyncio.sleep(8)
        state = (await it.scene.call("isp", "inspect"))["bgp"]["neighbours"]
        rows = {each["neighbour"]: each["state"] for each in state}
        assert rows["transit-1"] == "Idle" and rows["transit-2"] == "Established"
        await it.book.clear()
        await asyncio.sleep(8)
        state = (await it.scene.call("isp", "inspect"))["bgp"]["neighbours"]
        assert {each["state"] for each in state} == {"Established"}

    play(story)


def test_a_partition_keeps_two_sides_apart_and_nobody_else():
    async def story(it: Story):
        await it.begin()
        made = await it.book.add(partition_of("laptop", "home-router"))
        assert made["links"] == ["wifi"] and await it.rtt_ms() is None
        await it.book.clear()
        assert await it.rtt_ms()

        pair = partition_of("zone/eu-west-1a", "zone/eu-west-1b")
        made = await it.book.add(pair)
        assert made["links"] == ["vpc-alb-1a", "vpc-alb-1b", "vpc-node-1", "vpc-node-2"]
        await asyncio.sleep(40)
        states: dict[str, list[str]] = {}
        for node in ("alb-1a", "alb-1b"):
            groups = (await it.scene.call(node, "inspect"))["target_groups"].values()
            for target in [target for group in groups for target in group["targets"]]:
                states.setdefault(target["target"], []).append(target["state"])
        assert sorted({tuple(sorted(each)) for each in states.values()}) == [("healthy", "unhealthy")]
        fetched = await it.scene.call("laptop", "fetch", url="https://packet-journey.com/")
        assert fetched["status"] == 200, "each zone serves on by itself"
        with pytest.raises(RequestFailed, match="only for can be changed"):
            await it.set("fault-2", "loss=3%")
        with pytest.raises(RequestFailed, match="neither a link nor a neighbour in common"):
            await it.book.add(partition_of("laptop", "aws-edge"))

    play(story)


def test_a_fault_of_a_pod_that_is_gone():
    async def story(it: Story):
        await it.begin()
        await it.add("pod/nginx-0", "loss=10%")
        [link] = it.book.plain()[0]["links"]
        node, _, pod = link.partition(".")
        await it.scene.kill(pod)
        while link not in it.scene.link_ends():
            await asyncio.sleep(0.1)
        for end in (node, pod):
            [port] = [each for each in it.scene.host(end).ports.values() if each.link == link]
            assert port.impairments.loss == pytest.approx(0.1), (
                "its sandbox was made anew, and it is as before"
            )
        await it.set("fault-1", "loss=20%")
        await verbs.apply(it.scene, {target_of("deployment/nginx"): {"replicas": "0"}})
        while link in it.scene.link_ends():
            await asyncio.sleep(1)
        with pytest.raises(RequestFailed, match="is gone, and its links with it"):
            await it.set("fault-1", "loss=30%")
        assert len(await it.book.clear()) == 1

    play(story)


def test_reorder_needs_a_delay_and_a_crash_that_fails_leaves_nothing_down():
    async def story(it: Story):
        await it.begin()
        with pytest.raises(RequestFailed, match="has no delay"):
            delay_ns, it.scene.link_delay_ns = it.scene.link_delay_ns, lambda link: 0
            await it.add("link/fibre", "reorder=10%")
        it.scene.link_delay_ns = delay_ns
        await it.add("link/fibre", "reorder=10%")
        await it.add("element/isp", "crash", "for=1s")
        await it.add("element/isp", "crash", "for=3s")
        await asyncio.sleep(2)
        assert await it.rtt_ms() is None, "one of the two still holds it down"
        with pytest.raises(RequestFailed, match="is down"):
            await it.add("element/isp", "crash")
        await asyncio.sleep(1.1)
        assert await it.rtt_ms()

    play(story)
