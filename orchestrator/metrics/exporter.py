"""The exporter: one process that adds up what all elements report and answers Prometheus.

Run as `python -m orchestrator.metrics.exporter SOCKET_FD FEED_FD`: a listening socket, and the end of a pipe that the
orchestrator writes msgpack to (`feed.py`). It ends when the pipe is closed. Making the text of a scrape blocks this
process and no other; whoever scrapes again within half a second gets the same text.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import msgpack

from actors.parts.certificates_unread import certificates_unread
from orchestrator.metrics.cloudwatch import Period, places, wanted
from orchestrator.metrics.exposition import OPENMETRICS, TEXT, expose
from orchestrator.metrics.ledger import Ledger
from orchestrator.metrics.merging import Family, Who, families
from orchestrator.metrics.names import METRICS
from orchestrator.metrics.renamed import coredns, service_graph

with certificates_unread():
    from aiohttp import web

KEPT_S = 0.5
PERIOD_STEP_S = 5.0
NICE = 5
"""A scrape may wait for an element; an element must not wait for a scrape."""

DURATION = "journey_runtime_export_duration_seconds"


class Exporter:
    """The ledger of a world, and the pages that are made of it."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.known: dict[str, Who] = {}
        self._period = Period()
        self._kept: dict[tuple[str, bool], tuple[float, bytes]] = {}
        self.caught_up = asyncio.Event()

    # ---- what is reported ----------------------------------------------------------------------------------------

    def take(self, message: dict[str, Any]) -> None:
        """A message of the feed; see `feed.py`."""
        element = message["element"]
        match message["t"]:
            case "who":
                self.known[element] = Who(**{key: value for key, value in message.items() if key != "t"})
            case "deltas":
                self.ledger.add(element, message["deltas"])
            case "ended":
                self.ledger.ended(element, message["heir"])
            case "caught_up":
                self.caught_up.set()

    def note_period(self, now_s: float) -> None:
        """To be called every few seconds: CloudWatch's statistics are made of what was noted."""
        found = families(self.ledger, self.known, wanted, apart=True)
        self._period.note(now_s, found, dict(places(self.ledger)))

    # ---- what is asked -------------------------------------------------------------------------------------------

    def page(self, name: str, exemplars: bool, now_s: float) -> bytes:
        """The text of `world` or `aws`."""
        kept = self._kept.get((name, exemplars))
        if kept is not None and now_s - kept[0] < KEPT_S:
            return kept[1]
        began_s = time.perf_counter()
        text = expose(self.world() if name == "world" else self.aws(now_s), exemplars=exemplars)
        took_s = time.perf_counter() - began_s
        self.ledger.gauges["exporter"][DURATION, ()] = took_s
        self._kept[name, exemplars] = (now_s, text)
        return text

    def world(self) -> Iterator[Family]:
        """`/metrics`: what the world and the runtime call their own."""
        return _by_name(families(self.ledger, self.known, lambda name: not _is_aws(name)))

    def aws(self, now_s: float) -> Iterator[Family]:
        """`/metrics/aws`: the names of other exporters."""
        self.note_period(now_s)
        yield from self._period.statistics()
        yield from _by_name(families(self.ledger, self.known, _is_aws))
        ours = families(
            self.ledger, self.known, lambda name: name.startswith(("journey_dns_", "journey_alb_"))
        )
        yield from coredns(ours)
        yield from service_graph(ours)


def _is_aws(name: str) -> bool:
    metric = METRICS.get(name)
    return metric is not None and metric.page == "aws"


def _by_name(found: dict[str, Family]) -> Iterator[Family]:
    return (found[name] for name in sorted(found))


async def _read(feed_fd: int, exporter: Exporter) -> None:
    """Take in the feed until it is closed."""
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(feed_fd, "rb", 0))
    unpacker = msgpack.Unpacker(max_buffer_size=1 << 30, strict_map_key=False)
    while data := await reader.read(1 << 18):
        unpacker.feed(data)
        for message in unpacker:
            exporter.take(message)


async def _answer(runner: web.AppRunner, socket_fd: int, exporter: Exporter) -> None:
    """Begin to answer when all is known that was known to the exporter before this one."""
    await exporter.caught_up.wait()
    await web.SockSite(runner, socket.socket(fileno=socket_fd)).start()
    while True:
        exporter.note_period(time.monotonic())
        await asyncio.sleep(PERIOD_STEP_S)


def application(exporter: Exporter) -> web.Application:
    """The pages over HTTP: OpenMetrics (with exemplars) for those who ask for it."""

    def answer(page: str) -> Any:
        async def handle(request: web.Request) -> web.Response:
            exemplars = "application/openmetrics-text" in request.headers.get("Accept", "")
            body = exporter.page(page, exemplars, time.monotonic())
            kind = OPENMETRICS if exemplars else TEXT
            return web.Response(body=body, headers={"Content-Type": kind})

        return handle

    async def index(request: web.Request) -> web.Response:
        return web.Response(
            text='<a href="/metrics">metrics</a> <a href="/metrics/aws">aws</a>', content_type="text/html"
        )

    app = web.Application()
    app.router.add_get("/metrics", answer("world"))
    app.router.add_get("/metrics/aws", answer("aws"))
    app.router.add_get("/", index)
    return app


async def serve(socket_fd: int, feed_fd: int) -> None:
    """Answer until the feed ends."""
    exporter = Exporter()
    runner = web.AppRunner(application(exporter), access_log=None)
    await runner.setup()
    answers = asyncio.create_task(_answer(runner, socket_fd, exporter))
    try:
        await _read(feed_fd, exporter)
    finally:
        answers.cancel()
        await runner.cleanup()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(NICE)
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
