"""A world that answers as a real one does, without any process."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from orchestrator.journal.store import JournalStore
from tests.orchestrator.synthetic import DELAY_US, KINDS, first_journey

FRAME = bytes.fromhex("ffffffffffff0200000000010806") + bytes(46)
CONFIG = SimpleNamespace(
    name="fake",
    url="https://packet-journey.com/",
    elements=KINDS,
    links={link: None for link, _ in DELAY_US.values()},
)
LATENCY_MS = {"p50": 1.5, "p90": 2.5, "p99": 4.0, "p99.9": 8.0, "max": 9.0, "mean": 1.6}


def load_status(elapsed_s: float, duration_s: float, requests: int | None = None) -> dict[str, Any]:
    count = round(elapsed_s * 1000) if requests is None else requests
    return {
        "running": elapsed_s < duration_s,
        "elapsed_s": elapsed_s,
        "requests": count,
        "requests_per_s": count / elapsed_s if elapsed_s else 0.0,
        "errors": {} if count else {"refused": 7},
        "per_pod": {"nginx-0": count // 2, "nginx-1": count - count // 2} if count else {},
        "latency_ms": LATENCY_MS if count else {},
    }


class FakeWorld:
    """Its laptop's fetches leave the synthetic journey in the journal; its load advances a second with each look."""

    def __init__(self, config: Any = CONFIG, directory: Path = Path("/nonexistent")) -> None:
        self.config = config
        self.directory = directory
        self.journal = JournalStore()
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.answers_requests = True
        self._load_s = 0.0
        self._duration_s = 0.0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def call(self, element: str, verb: str, /, **arguments: Any) -> Any:
        self.calls.append((element, verb, arguments))
        return await getattr(self, f"_{verb}")(**arguments)

    async def _fetch(self, url: str, journey: str, keep: bool) -> dict[str, Any]:
        for record in first_journey().records:
            self.journal.add({**record, "journey": journey})
        return {"status": 200, "total_ms": 0.0}

    async def _load_start(self, url: str, concurrency: int, duration_s: float) -> None:
        self._load_s, self._duration_s = 0.0, duration_s

    async def _load_status(self) -> dict[str, Any]:
        self._load_s += 1.0
        return load_status(self._load_s, self._duration_s, None if self.answers_requests else 0)

    async def _load_stop(self) -> None: ...

    def ps(self) -> dict[str, Any]:
        elements = [
            {"name": name, "kind": kind, "pid": 100 + n, "state": "up", "restarts": 0}
            for n, (name, kind) in enumerate(KINDS.items())
        ]
        return {"elements": elements, "addresses": {}, "directory": str(self.directory)}

    async def settle(self, journey: str | None = None) -> None: ...

    @contextlib.asynccontextmanager
    async def capture(self, links: list[str] | None, write: Callable[[Any], None]) -> AsyncIterator[None]:
        for link in links or ("wifi", "fibre"):
            write((link, "laptop", 2000 if link == "wifi" else 1000, FRAME, None))
        yield
