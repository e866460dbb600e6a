"""Calls that wait for their answers."""

import asyncio

import pytest

from actors.element import CallFailed
from actors.runtime.open_calls import OpenCalls


async def test_answers_find_their_calls_and_late_ones_nobody():
    calls = OpenCalls()
    first, second = calls.open("a"), calls.open("b")
    waiting = asyncio.gather(calls.answer(first, 5, "late"), calls.answer(second, 5, "late"))
    await asyncio.sleep(0)
    calls.settle({"id": second, "value": b"2"})
    calls.settle({"id": first, "value": b"1"})
    assert await waiting == [b"1", b"2"]
    calls.settle({"id": first, "value": b"again"})


async def test_a_refusal_an_end_and_silence_are_failures():
    calls = OpenCalls()
    refused, ended, silent = (calls.open(whom) for whom in ("a", "b", "c"))
    calls.settle({"id": refused, "error": "no"})
    calls.fail("b", "b has died")
    for number, timeout_s, why in ((refused, 5, "no"), (ended, 5, "b has died"), (silent, 0, "late")):
        with pytest.raises(CallFailed, match=why):
            await calls.answer(number, timeout_s, "late")
