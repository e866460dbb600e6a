"""A world for one command, asked in its own process."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator
from types import TracebackType
from typing import Any, Self

from orchestrator.config import World as WorldConfig
from orchestrator.control.service import Service
from orchestrator.world import World


class OwnWorld:
    """A world for one command, with the same two methods as a `Client` of a running one. Use it in a `with`."""

    def __init__(self, config: WorldConfig) -> None:
        self._config = config
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        try:
            self._runner.run(self._start())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._runner.run(self._stop())
        finally:
            self._runner.close()

    async def _start(self) -> None:
        self._world = World(self._config)
        self._service = Service(self._world)
        await self._world.start()
        self._server = self._service.loads.server(self._world.directory)
        await self._server.start()

    async def _stop(self) -> None:
        await self._server.close()
        await self._world.stop()

    def request(self, verb: str, /, **arguments: Any) -> Any:
        return self._runner.run(_answer(self._service.answers[verb](**arguments)))

    def stream(self, verb: str, /, **arguments: Any) -> Iterator[Any]:
        values = self._service.streams[verb](**arguments)
        try:
            while True:
                try:
                    yield self._runner.run(_next(values))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_close(values))


async def _answer(answer: Awaitable[Any]) -> Any:
    return await answer


async def _next(values: AsyncGenerator[Any, None]) -> Any:
    return await anext(values)


async def _close(values: AsyncGenerator[Any, None]) -> None:
    await values.aclose()
