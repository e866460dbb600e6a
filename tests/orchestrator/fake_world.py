"""A world that answers as a real one does, without any process."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from actors.element import CallFailed
from actors.parts.latencies import new_histogram, percentiles_ms
from orchestrator.journal.store import JournalStore
from orchestrator.load.lag import FRAMES
from orchestrator.metrics.ledger import Ledger
from tests.orchestrator.synthetic import DELAY_US, KINDS, first_journey

FRAME = bytes.fromhex("ffffffffffff0200000000010806") + bytes(46)
CONFIG = SimpleNamespace(
    name="fake",
    url="https://packet-journey.com/",
    elements=KINDS,
    links={link: None for link, _ in DELAY_US.values()},
)


def load_status(elapsed_s: float, duration_s: float, requests: int | None = None) -> dict[str, Any]:
    count = round(elapsed_s * 1000) if requests is None else requests
    histogram = new_histogram()
    if count:
        histogram.record_value(1500, count)
    return {
        "running": elapsed_s < duration_s,
        "elapsed_s": elapsed_s,
        "requests": count,
        "requests_per_s": count / elapsed_s if elapsed_s else 0.0,
        "statuses": {"200": count} if count else {},
        "connections": {"198.51.100.10": 3} if count else {},
        "errors": {} if count else {"refused": 7},
        "per_pod": {"nginx-0": count // 2, "nginx-1": count - count // 2} if count else {},
        "latency_ms": percentiles_ms(histogram),
        "hdr": histogram.encode().decode(),
    }


class FakeWorld:
    """Its laptop's fetches leave the synthetic journey in the journal; its load advances a second with each look."""

    def __init__(self, config: Any = CONFIG, directory: Path = Path("/nonexistent")) -> None:
        self.config = config
        self.directory = directory
        self.journal = JournalStore()
        self.metrics = Ledger()
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.answers_requests = True
        self.laptop_dies_at_look = 0
        self.restarts = 0
        self.lag_s = 0.0
        self._looks = 0
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

    async def _load_plan(self, url: str, stages: list[dict[str, float]], **options: Any) -> dict[str, Any]:
        duration_s = sum(stage["duration_s"] for stage in stages)
        self._load_s, self._duration_s = 0.0, duration_s
        return load_status(0.0, duration_s)

    async def _load_status(self, percentiles: bool) -> dict[str, Any]:
        self._looks += 1
        if self._looks == self.laptop_dies_at_look:
            self.restarts += 1
            raise CallFailed("laptop was killed by SIGKILL")
        self._load_s += 1.0
        return load_status(self._load_s, self._duration_s, None if self.answers_requests else 0)

    async def _errors(self, limit: int) -> list[dict[str, Any]]:
        return []

    async def _load_stop(self) -> None: ...

    async def _load_change(self, do: str, rate: float | None, users: int | None) -> dict[str, Any]:
        if do == "resume":
            raise CallFailed("the load is not paused")
        return {"what": f"load: {do}", "status": load_status(self._load_s, self._duration_s)}

    def ps(self) -> dict[str, Any]:
        elements = [
            {"name": name, "kind": kind, "pid": 100 + n, "state": "up", "restarts": self.restarts}
            for n, (name, kind) in enumerate(KINDS.items())
        ]
        return {"elements": elements, "addresses": {}, "directory": str(self.directory)}

    def links(self) -> list[str]:
        return list(self.config.links)

    async def until_up(self, element: str) -> None: ...

    async def settle(self, journey: str | None = None) -> None:
        self.metrics.add("vpc", {"counters": [], "gauges": [(FRAMES, {}, self.lag_s)]})

    @contextlib.asynccontextmanager
    async def capture(self, links: list[str] | None, write: Callable[[Any], None]) -> AsyncIterator[None]:
        for link in links or ("wifi", "fibre"):
            write((link, "laptop", 2000 if link == "wifi" else 1000, FRAME, None))
        yield
