"""Captures for Wireshark: what passes on links, put in order, and the TLS secrets that decrypt it.

How this works. Every element reports the frames that it sends, each in its own time; they are held back a little and
sorted by departure. Wireshark decrypts only packets that stand behind their secrets, but those are known only once the
handshake is over: so packets are spooled, and the file is put together at the end.
"""

import asyncio
import base64
import secrets
import shutil
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import IO, Any

from actors.units import MILLISECOND
from actors.wire.pcapng import Capture
from orchestrator.operations import Frame, WorldLike, check_names, laptop_of

BATCH_S = 0.1
HELD_BACK_NS = 300 * MILLISECOND
KEY_LOG = "tls-keys.log"


async def capture(
    world: WorldLike,
    *,
    links: list[str] | None = None,
    duration_s: float | None = None,
    url: str | None = None,
    element: str | None = None,
) -> AsyncGenerator[dict[str, Any], None]:
    """Frames on the named links (None: all), while `url` is fetched once if given, else for `duration_s`, else on.

    Yields `{"packets": blocks of pcapng in base64, "frames": how many so far, "tls_keys": new lines of the key log}`.
    """
    check_names("link", links or (), world.links())
    recorder = _Recorder(world.directory / KEY_LOG)
    async with world.capture(links, recorder.frames.append):
        occupation = asyncio.ensure_future(_occupation(world, duration_s, url, element))
        try:
            while not occupation.done():
                await asyncio.wait({occupation}, timeout=BATCH_S)
                yield recorder.taken(time.monotonic_ns() - HELD_BACK_NS)
            occupation.result()
        finally:
            occupation.cancel()
    yield recorder.taken()


async def _occupation(
    world: WorldLike, duration_s: float | None, url: str | None, element: str | None
) -> None:
    """What the capture lasts as long as."""
    if url is not None:
        await world.call(
            laptop_of(world, element), "fetch", url=url, journey=secrets.token_hex(16), keep=False
        )
    elif duration_s is not None:
        await asyncio.sleep(duration_s)
    else:
        await asyncio.Event().wait()


class _Recorder:
    def __init__(self, key_log: Path) -> None:
        self.frames: list[Frame] = []
        self._file = Capture()
        self._count = 0
        self._key_log = key_log
        self._keys_read = 0
        self._unix_offset_ns = time.time_ns() - time.monotonic_ns()

    def taken(self, until_ns: int | None = None) -> dict[str, Any]:
        """What has come since the last time and departed until then; of later frames some are still on their way."""
        self.frames.sort(key=lambda frame: frame[2])
        ready = [frame for frame in self.frames if until_ns is None or frame[2] <= until_ns]
        del self.frames[: len(ready)]
        self._count += len(ready)
        blocks = b"".join(
            self._file.frame(link, departure_ns + self._unix_offset_ns, data, journey)
            for link, _, departure_ns, data, journey in ready
        )
        return {
            "packets": base64.b64encode(blocks).decode(),
            "frames": self._count,
            "tls_keys": self._new_keys(),
        }

    def _new_keys(self) -> str:
        if not self._key_log.exists():
            return ""
        with self._key_log.open("rb") as file:
            file.seek(self._keys_read)
            keys = file.read()
            self._keys_read += len(keys)
        return keys.decode("ascii")


class CaptureFile:
    """Writes what `capture` yields; `close` puts the file together, secrets first."""

    def __init__(self, path: Path) -> None:
        self.frames = 0
        self.tls_keys = ""
        self._path = path
        self._spool_path = path.with_name(f"{path.name}.part")
        self._spool: IO[bytes] = self._spool_path.open("wb", buffering=0)

    def add(self, piece: dict[str, Any]) -> None:
        self._spool.write(base64.b64decode(piece["packets"]))
        self.frames = piece["frames"]
        self.tls_keys += piece["tls_keys"]

    def abandon(self) -> None:
        """Nothing is to be kept."""
        self._spool.close()
        self._spool_path.unlink()

    def close(self) -> None:
        self._spool.close()
        head = Capture()
        with self._path.open("wb") as file:
            file.write(head.start())
            if self.tls_keys:
                file.write(head.tls_keys(self.tls_keys.encode("ascii")))
            with self._spool_path.open("rb") as spool:
                shutil.copyfileobj(spool, file)
        self._spool_path.unlink()
