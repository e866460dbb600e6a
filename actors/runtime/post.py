"""What an element sends to the orchestrator unasked: records for the journal, and frames that somebody looks at.

Both are gathered for a moment, so that what happens at once goes out as one message.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.links.port import LinkPort

POST_S = 0.02
POST_AT_ONCE = 500

Tapped = tuple[str, str, int, bytes, str | None]


class Post:
    """The element's outgoing post; `send` takes its messages."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._records: list[dict[str, Any]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._frames: list[Tapped] = []
        self._tapped: list[str] | None = []

    def write(self, record: dict[str, Any]) -> None:
        """Post a record to the journal, soon."""
        self._records.append(record)
        if len(self._records) >= POST_AT_ONCE:
            self.send_records()
        elif self._timer is None:
            self._timer = self._loop.call_later(POST_S, self.send_records)

    def send_records(self) -> None:
        """Whatever has been written goes now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._records:
            self._send({"t": "records", "records": self._records})
            self._records = []

    def look_at(self, links: list[str] | None) -> None:
        """Which links are looked at from now on (None: all); ports are told by `tap`."""
        self._tapped = links

    def tap(self, port: LinkPort) -> None:
        """Look at what a port sends, if its link is looked at."""
        looked_at = self._tapped is None or port.link in self._tapped
        port.tap = self._take if looked_at else None

    def _take(self, link: str, element: str, depart_ns: int, frame: bytes, journey: str | None) -> None:
        if not self._frames:
            self._loop.call_later(POST_S, self.send_frames)
        self._frames.append((link, element, depart_ns, frame, journey))

    def send_frames(self) -> None:
        """Whatever frames were seen go now."""
        if self._frames:
            self._send({"t": "frames", "frames": self._frames})
            self._frames = []
