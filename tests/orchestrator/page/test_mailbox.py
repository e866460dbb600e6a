"""A browser that reads slowly gets the newest state, and so much of the rest as is bounded."""

import asyncio
import json

from orchestrator.page.mailbox import MOST_REQUESTS, Frame, Mailbox


async def test_latest_wins_and_what_was_said_once_is_kept():
    drops = []
    box = Mailbox(lambda: drops.append(1))
    box.put(Frame({"now": 1.0, "map": {"elements": []}, "requests": [1, 2], "state": {"lag_ms": 1}}))
    box.put(Frame({"now": 2.0, "requests": [3]}))
    box.put(Frame({"now": 3.0, "state": {"lag_ms": 3}, "events": ["x"]}))
    frame = await box.take()
    assert frame.values == {
        "now": 3.0, "map": {"elements": []}, "requests": [1, 2, 3], "state": {"lag_ms": 3}, "events": ["x"],
    }  # fmt: skip
    assert len(drops) == 2


async def test_memory_is_bounded_however_long_nobody_reads():
    box = Mailbox(lambda: None)
    for n in range(10_000):
        box.put(Frame({"now": n, "requests": [n]}))
    frame = await box.take()
    assert frame.values["requests"] == list(range(10_000 - MOST_REQUESTS, 10_000))


async def test_whoever_waits_is_told():
    box = Mailbox(lambda: None)
    waiting = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put(Frame({"now": 1}))
    assert (await waiting).text == b'data: {"now":1}\n\n'


def test_all_browsers_share_one_text():
    frame = Frame({"words": "ü\n"})
    assert frame.text is frame.text
    assert json.loads(frame.text[6:]) == {"words": "ü\n"} and frame.text.count(b"\n") == 2
