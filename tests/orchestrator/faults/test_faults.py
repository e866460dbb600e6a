"""Faults: what is said, what it does to links, and that it ends."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.links.impairments import Impairments, LinkConfig, LinkFault
from orchestrator.config import default_world, load_world
from orchestrator.control.api import RequestFailed
from orchestrator.faults.book import FaultBook
from orchestrator.faults.words import from_words
from orchestrator.scenarios import virtual

MS = 1_000_000
LINK = LinkConfig.model_validate({"between": ("a.x", "b.y"), "delay": "2ms", "rate": "10mbit"})


@pytest.mark.parametrize(
    ("target", "words", "what"),
    [
        ("link/fibre", "delay=80ms loss=1% for=30s", "delay 80ms, loss 1%"),
        ("link:fibre", "cut", "cut"),
        ("zone/eu-west-1a", "crash for=10s", "crash"),
        ("pod/nginx-0", "bandwidth=2mbit jitter=3ms", "bandwidth 2mbit, jitter 3ms"),
    ],
)
def test_words(target, words, what):
    assert from_words(target, words.split()).told() == what


@pytest.mark.parametrize(
    ("target", "words", "what"),
    [
        ("fibre", "cut", "nothing can go wrong with 'fibre'"),
        ("link/", "cut", "which link"),
        ("link/fibre", "", "what is to go wrong"),
        ("link/fibre", "delay", "'delay' is not KEY=VALUE"),
        ("link/fibre", "dely=3ms", "did you mean 'delay'"),
        ("link/fibre", "delay=3", "needs a unit|not a duration"),
        ("link/fibre", "loss=200%", "more than 100%"),
        ("link/fibre", "crash", "cannot crash"),
        ("element/isp", "crash cut", "has no weather"),
        ("pod/nginx-0", "crash for=3s", "leave out for"),
        ("link/fibre", "cut for=0s", "longer than nothing"),
    ],
)
def test_what_makes_no_sense(target, words, what):
    with pytest.raises(RequestFailed, match=what):
        from_words(target, words.split())


faults = st.builds(
    lambda delay, jitter, loss, bandwidth, cut: LinkFault.model_construct(
        delay=delay, jitter=jitter, loss=loss, bandwidth=bandwidth, cut=cut
    ),
    st.integers(0, 100 * MS),
    st.integers(0, 100 * MS),
    st.floats(0, 1),
    st.none() | st.integers(1, 10**9),
    st.booleans(),
)


@given(st.lists(faults, max_size=4), st.randoms(use_true_random=False))
def test_faults_add_up_in_any_order_and_leave_nothing(several, dice):
    link, other = Impairments(LINK, Random(1)), Impairments(LINK, Random(1))
    link.suffer(several)
    dice.shuffle(several)
    other.suffer(several)
    for name in ("delay_ns", "jitter_ns", "rate", "cut"):
        assert getattr(link, name) == getattr(other, name)
    assert link.loss == pytest.approx(other.loss)
    assert link.delay_ns >= 2 * MS and link.jitter_ns <= link.delay_ns and 0 <= link.loss <= 1
    assert link.rate is not None and link.rate <= 10**7
    link.suffer([])
    assert (link.delay_ns, link.jitter_ns, link.loss, link.rate, link.cut) == (2 * MS, 0, 0, 10**7, False)


def test_a_book_on_the_virtual_clock():
    async def story(scene):
        told: list[tuple[str, bool | None]] = []
        scene.tell_event = lambda event, target, active: told.append((target, active))
        book = FaultBook(scene)
        await scene.settled()

        async def rtt_ms():
            return (await scene.call("laptop", "ping", host="203.0.113.1"))["rtt_ms"]

        await rtt_ms()  # asks for addresses, too
        before = await rtt_ms()
        await book.add(from_words("link/fibre", ["delay=80ms", "for=2s"]))
        await book.add(from_words("link/fibre", ["delay=10ms"]))
        assert await rtt_ms() == pytest.approx(before + 180, abs=1)
        await asyncio.sleep(2.1)
        assert await rtt_ms() == pytest.approx(before + 20, abs=1)
        assert [row["id"] for row in book.plain()] == ["fault-2"]
        with pytest.raises(RequestFailed, match="did you mean 'fault-2'"):
            await book.clear("fault-1")
        assert told == [("link/fibre", True), ("link/fibre", True)], "one is left"
        assert len(await book.clear("link/fibre")) == 1 and book.plain() == []
        assert told[2:] == [("link/fibre", False)]
        assert await rtt_ms() == pytest.approx(before, abs=1)

        added = await book.add(from_words("zone/eu-west-1a", ["cut"]))
        assert added["links"] == ["vpc-alb-1a", "vpc-node-1"], "a node's pods are inside of it"
        await book.add(from_words("element/isp", ["crash", "for=1s"]))
        assert "error" in await scene.call("laptop", "ping", host="203.0.113.1")
        await asyncio.sleep(1)
        assert await rtt_ms() > 0
        assert told[3:] == [("zone/eu-west-1a", True), ("element/isp", True), ("element/isp", False)]
        await book.add(from_words("element/transit-1", ["crash"]))
        assert told[6:] == [("element/transit-1", None)], "nothing is left to be cleared"
        await book.add(from_words("pod/nginx-0", ["loss=100%"]))
        await book.clear()
        with pytest.raises(RequestFailed, match="no faults at all"):
            await book.clear("fault-1")
        for what in ("link/fiber", "zone/eu-west-1c", "element/ips"):
            with pytest.raises(RequestFailed, match="did you mean"):
                await book.add(from_words(what, ["cut"]))

    virtual.play(load_world(default_world()), 1, story)
