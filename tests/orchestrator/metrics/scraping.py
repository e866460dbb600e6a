"""Somebody who scrapes, from a thread, while a test runs a world in its own."""

import contextlib
import threading
import urllib.request
from types import TracebackType
from typing import Self

from orchestrator.metrics.feed import listen

PAUSE_S = 0.3


def free_address() -> str:
    """A `HOST:PORT` that nobody listens at just now."""
    with listen("127.0.0.1:0") as probe:
        host, port = probe.getsockname()
        return f"{host}:{port}"


class Scraped:
    """Every series that `/metrics` at an address has had at some moment, as `name{labels} value`."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}/metrics"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._scrape)
        self.lines: set[str] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _scrape(self) -> None:
        while not self._over.wait(PAUSE_S):
            with contextlib.suppress(OSError), urllib.request.urlopen(self._url, timeout=10) as answer:
                self.lines.update(answer.read().decode().splitlines())
