"""Who looks at the frames on which links, and the frames for them."""

import contextlib
from collections.abc import AsyncIterator, Callable

from orchestrator.control.members import Member
from orchestrator.control.registry import Registry

Frame = tuple[str, str, int, bytes, str | None]
"""A captured frame: `(link, sending element, departure in ns, frame, journey)`."""


class Taps:
    """Tells elements which of their links are looked at, and passes on what they send of them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._taps: list[tuple[list[str] | None, Callable[[Frame], None]]] = []
        registry.on_frames = self._captured
        registry.on_join = self._joined

    @contextlib.asynccontextmanager
    async def capture(self, links: list[str] | None, write: Callable[[Frame], None]) -> AsyncIterator[None]:
        """While this lasts, `write` sees every frame that is sent on these links (None: on all)."""
        tap = (links, write)
        self._taps.append(tap)
        self._set_all()
        await self._registry.flush()
        try:
            yield
        finally:
            await self._registry.flush()
            self._taps.remove(tap)
            self._set_all()

    def _set_all(self) -> None:
        for member in self._registry.members.values():
            self._set(member)

    def _set(self, member: Member) -> None:
        everything = any(links is None for links, _ in self._taps)
        wanted = None if everything else sorted({link for links, _ in self._taps for link in links or ()})
        self._registry.send(member, t="tap", links=wanted)

    def _joined(self, member: Member) -> None:
        if self._taps:
            self._set(member)

    def _captured(self, frames: list[Frame]) -> None:
        for frame in frames:
            for links, write in self._taps:
                if links is None or frame[0] in links:
                    write(frame)
