"""The exporter's process: where it listens, what it is told, that it is started again, who takes part in a scrape."""

import asyncio
import os
import re
import signal
import socket
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actors.runtime.metrics import MetricStore
from orchestrator.directory import WorldFailed
from orchestrator.metrics import feed as module
from orchestrator.metrics.feed import Feed, PortTaken, listen
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Who

POD = Who("nginx-1", "nginx_pod", "pod", launched=True)


def test_where_it_may_listen():
    with listen("127.0.0.1:0") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortTaken, match=rf"metrics cannot be served at 127.0.0.1:{port}: Address already in use"
        ):
            listen(f"127.0.0.1:{port}")
    assert issubclass(PortTaken, WorldFailed), "a command says so, and ends with 3"
    with listen("[::1]:0") as six:
        assert six.family == socket.AF_INET6


def test_the_next_free_port_is_taken_unless_one_was_wanted(caplog, monkeypatch):
    with listen("127.0.0.1:0") as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(module, "PORT", port)
        with listen(None) as next_one:
            assert port < next_one.getsockname()[1] < port + module.TRIES
    assert f"port {port} is taken: metrics are at" in caplog.text


class Fed:
    """A feed with an exporter, and the ledger that it is fed from."""

    def __init__(self, directory: Path) -> None:
        (directory / "logs").mkdir()
        self.ledger, self.known = Ledger(), {}
        self.feed = Feed(directory, self.ledger, self.known)
        self.url = ""

    def report(self, who: Who, store: MetricStore) -> None:
        if who.element not in self.known:
            self.known[who.element] = who
            self.feed.who(who)
        deltas = store.deltas()
        self.ledger.add(who.element, deltas)
        self.feed.deltas(who.element, deltas)

    async def scraped(self, until: str) -> str:
        """The page, once it has this: texts are kept for half a second, and the exporter takes a second to begin."""
        deadline = time.monotonic() + 15
        while not re.search(until, text := await asyncio.to_thread(self._scrape), re.MULTILINE):
            assert time.monotonic() < deadline, text
            await asyncio.sleep(0.1)
        return text

    def _scrape(self) -> str:
        with urllib.request.urlopen(self.url, timeout=15) as answer:
            return str(answer.read(), "utf-8")


@pytest.fixture
async def fed(tmp_path: Path) -> AsyncIterator[Fed]:
    fed = Fed(tmp_path)
    fed.url = await fed.feed.start("127.0.0.1:0")
    yield fed
    await fed.feed.stop()


def a_pod(requests: int) -> MetricStore:
    store = MetricStore()
    store.counter("journey_pod_requests_total", pod="nginx-1", code_class="2xx").value = requests
    store.counter("journey_runtime_messages_total").value = requests
    return store


async def test_a_world_is_told_from_before_the_exporter_until_after_one_that_was_killed(fed: Fed):
    store = a_pod(3)
    fed.report(POD, store)  # nobody listens yet
    text = await fed.scraped(r'^journey_pod_requests_total\{code_class="2xx",pod="nginx-1"\} 3\.0$')
    assert 'journey_runtime_messages_total{kind="nginx_pod"} 3.0' in text
    store.counter("journey_runtime_messages_total").value = 10
    fed.report(POD, store)
    await fed.scraped(r'^journey_runtime_messages_total\{kind="nginx_pod"\} 10\.0$')
    assert fed.feed.pid is not None
    os.kill(fed.feed.pid, signal.SIGKILL)
    store.counter("journey_runtime_messages_total").value = 12
    fed.report(POD, store)  # while nobody reads the pipe
    await fed.scraped(r'^journey_runtime_messages_total\{kind="nginx_pod"\} 12\.0$')
    assert fed.feed.starts == 2
    heir = POD.heir()
    fed.feed.who(heir)
    fed.feed.ended("nginx-1", heir.element)
    text = await fed.scraped(r"\A(?![\s\S]*nginx-1)")
    assert 'journey_runtime_messages_total{kind="nginx_pod"} 12.0' in text, "what it added to the sum stays"


async def test_elements_and_the_orchestrator_take_no_part_in_a_scrape(fed: Fed):
    """All they do is write into a pipe: with the exporter stopped, they go on, and only Prometheus waits."""
    fed.report(POD, store := a_pod(1))
    await fed.scraped("journey_pod_requests_total")
    assert fed.feed.pid is not None
    os.kill(fed.feed.pid, signal.SIGSTOP)
    try:
        scrape = asyncio.create_task(asyncio.to_thread(fed._scrape))
        for count in range(2, 5000):
            store.counter("journey_runtime_messages_total").value = count
            fed.report(POD, store)
        await asyncio.sleep(0.2)
        assert not scrape.done()
    finally:
        os.kill(fed.feed.pid, signal.SIGCONT)
    await scrape
    await fed.scraped(r'^journey_runtime_messages_total\{kind="nginx_pod"\} 4999\.0$')
    assert fed.feed.starts == 1


async def test_an_exporter_that_reads_nothing_for_long_is_started_anew(fed: Fed, monkeypatch):
    monkeypatch.setattr(module, "MOST_UNREAD", 1 << 16)
    fed.report(POD, store := a_pod(1))
    await fed.scraped("journey_pod_requests_total")
    assert fed.feed.pid is not None
    os.kill(fed.feed.pid, signal.SIGSTOP)
    pid = fed.feed.pid
    for count in range(2, 20_000):
        store.counter("journey_runtime_messages_total").value = count
        fed.report(POD, store)
    await fed.scraped(r'^journey_runtime_messages_total\{kind="nginx_pod"\} 19999\.0$')
    assert fed.feed.starts == 2 and fed.feed.pid != pid


async def test_nothing_is_left_behind(tmp_path: Path):
    fed = Fed(tmp_path)
    fed.url = await fed.feed.start("127.0.0.1:0")
    await fed.scraped("")
    pid = fed.feed.pid
    await fed.feed.stop()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fed._scrape)
    assert (tmp_path / "logs" / "exporter.log").read_text() == ""
