"""How a `journey` command in another terminal talks to a running world: lines of JSON over a Unix socket.

    {"verb": "ps", "arguments": {}}      one request per connection
    {"value": ...}                       one line for an answer; several for a verb that streams
    {"error": ..., "exit": 3}            instead, or in the middle of a stream: what went wrong, and its exit code
    {"end": true}                        always the last line

The socket lies in the run directory, mode 0700: who can reach it is the user who started the world.
"""

import asyncio
import contextlib
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from actors.element import CallFailed
from actors.protocols.kubernetes.status import ApiError

log = logging.getLogger("orchestrator")

API_SOCKET = "api.sock"
ENVIRONMENT, USAGE = 3, 2

Answer = Callable[..., Awaitable[Any]]
Stream = Callable[..., AsyncIterator[Any]]


class RequestFailed(Exception):
    """The world refused; carries the exit code that the command should end with."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class ApiServer:
    """Serves verbs to commands in other processes: `answers` return a value, `streams` yield several."""

    def __init__(self, path: Path, answers: Mapping[str, Answer], streams: Mapping[str, Stream]) -> None:
        self._path, self._answers, self._streams = path, answers, streams
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=1 << 20)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for task in self._connections:
                task.cancel()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def say(**message: Any) -> None:
            writer.write(json.dumps(message).encode() + b"\n")
            await writer.drain()

        try:
            request = json.loads(await reader.readline())
            verb, arguments = request["verb"], request["arguments"]
            if verb in self._streams:
                await self._stream(reader, self._streams[verb](**arguments), say)
            elif verb in self._answers:
                await say(value=await self._answers[verb](**arguments))
            else:
                known = ", ".join(sorted([*self._answers, *self._streams]))
                await say(error=f"unknown verb {verb!r}; known are {known}", exit=USAGE)
        except RequestFailed as error:
            await say(error=str(error), exit=error.code)
        except CallFailed as error:
            await say(error=str(error), exit=ENVIRONMENT)
        except ApiError as error:
            words = f"Error from server ({error.reason}): {error.message}"
            await say(error=words, exit=USAGE if error.code < 500 else ENVIRONMENT)
        except (ValueError, TypeError, KeyError, LookupError) as error:
            await say(error=f"{type(error).__name__}: {error}", exit=USAGE)
        await say(end=True)

    @staticmethod
    async def _stream(
        reader: asyncio.StreamReader, values: AsyncIterator[Any], say: Callable[..., Awaitable[None]]
    ) -> None:
        """Pass values on until they end or the client hangs up."""

        async def pass_on() -> None:
            async with contextlib.aclosing(values):  # type: ignore[type-var]
                async for value in values:
                    await say(value=value)

        passing = asyncio.ensure_future(pass_on())
        hung_up = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({passing, hung_up}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hung_up.cancel()
            if not passing.done():
                passing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await passing
        passing.result()


class Client:
    """A command's end of the line. Blocking, and light to import."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def find(cls, home: Path) -> "Client | None":
        """The world that was started last and still answers, if any."""
        sockets = sorted(home.glob(f"*/{API_SOCKET}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in sockets:
            with contextlib.suppress(OSError):
                cls._connect(path).close()
                return cls(path)
        return None

    @staticmethod
    def _connect(path: Path) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except BaseException:
            connection.close()
            raise
        return connection

    def request(self, verb: str, /, **arguments: Any) -> Any:
        """The answer to one verb. Raises `RequestFailed`."""
        values = list(self.stream(verb, **arguments))
        return values[-1] if values else None

    def stream(self, verb: str, /, **arguments: Any) -> Iterator[Any]:
        """The values that a verb yields, as they come. Raises `RequestFailed`."""
        try:
            with self._connect(self.path) as connection, connection.makefile("rwb") as file:
                file.write(json.dumps({"verb": verb, "arguments": arguments}).encode() + b"\n")
                file.flush()
                for line in file:
                    message = json.loads(line)
                    if "error" in message:
                        raise RequestFailed(message["error"], message["exit"])
                    if message.get("end"):
                        return
                    yield message["value"]
        except OSError as error:
            raise RequestFailed(f"the world does not answer: {error}", ENVIRONMENT) from None
        raise RequestFailed("the world has ended", ENVIRONMENT)
