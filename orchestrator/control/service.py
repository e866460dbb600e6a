"""The verbs of a running world by name."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator import operations
from orchestrator.capture import capture
from orchestrator.control.api import API_SOCKET, ENVIRONMENT, Answer, ApiServer, RequestFailed, Stream
from orchestrator.control.fault_verbs import FaultVerbs
from orchestrator.load.book import LoadBook
from orchestrator.load.shapes import Staged, Traced
from orchestrator.world import World

if TYPE_CHECKING:
    from orchestrator.scenarios.live import LiveScene
    from orchestrator.top.view import TopView


class Service:
    """What a world answers to: `answers` give one value, `streams` several."""

    def __init__(self, world: World, scene: "LiveScene | None" = None) -> None:
        """In the world of a scenario, its scene, loads and faults are the scenario's, which tells of them itself."""
        self.down = asyncio.Event()
        """Somebody wants the world to end."""
        self.loads = LoadBook() if scene is None else scene.loads
        self._world = world
        self.faults = FaultVerbs(world, None if scene is None else scene.faults)
        if scene is None:
            world.on_operator = self._operated
        self._top: TopView | None = None
        self.answers: dict[str, Answer] = {
            "hello": self.hello,
            "ps": self.ps,
            "kubeconfig": self.kubeconfig,
            "authority": self.authority,
            "call": self.call,
            "inspect": self.inspect,
            "dig": self.dig,
            "trace": self.trace,
            "set": self.set,
            "get": self.get,
            **self.faults.answers(),
            "loads": self.loads.running,
            "load_change": self.loads.load_change,
            "explain": self.explain,
            "top_hops": self.top_hops,
            "top_request": self.top_request,
            "top_state": self.top_state,
            "errors": self.errors,
            "down": self.request_down,
        }
        self.streams: dict[str, Stream] = {
            "load": self.load,
            "load_trace": self.load_trace,
            "capture": self.capture,
            "ping": self.ping,
            "traceroute": self.traceroute,
        }

    def server(self) -> ApiServer:
        """These verbs for commands in other processes."""
        return ApiServer(self._world.directory / API_SOCKET, self.answers, self.streams)

    async def hello(self) -> str:
        """The world's name: whoever gets it may ask for more."""
        return self._world.config.name

    async def kubeconfig(self) -> str:
        """What kubectl needs to find the API server, for those who do not see the run directory."""
        path = self._world.directory / "kubeconfig"
        if not path.exists():
            raise RequestFailed("this world has no Kubernetes API server that kubectl could ask", ENVIRONMENT)
        return path.read_text()

    async def authority(self) -> str:
        """The certificate of the world's CA, in PEM, for those who do not see the run directory."""
        path = self._world.directory / "ca.pem"
        if not path.exists():
            raise RequestFailed("this world has no CA yet; try again in a moment", ENVIRONMENT)
        return path.read_text()

    async def ps(self) -> dict[str, Any]:
        return self._world.ps()

    async def call(self, element: str, verb: str, arguments: dict[str, Any]) -> Any:
        operations.check_names("element", [element], operations.kinds_of(self._world))
        return await self._world.call(element, verb, **arguments)

    async def inspect(self, element: str) -> dict[str, Any]:
        """`{"name", "kind", "state"}`."""
        return await operations.inspect(self._world, element)

    async def dig(self, **arguments: Any) -> dict[str, Any]:
        """A DNS question, what was answered, and who decided what."""
        from orchestrator.tools.digging import dig

        return await dig(self._world, **arguments)

    async def trace(self, url: str | None = None, element: str | None = None) -> dict[str, Any]:
        """A packed journey."""
        return (await operations.trace(self._world, url, element)).packed()

    async def set(self, words: list[str]) -> list[dict[str, str]]:
        """What has changed: `target`, `key`, `before`, `after`, and what to set to take it back (`undo`)."""
        from orchestrator.settings import verbs
        from orchestrator.settings import words as said

        changed = await verbs.apply(operations.Asked(self._world), said.from_words(words))
        for each in changed:
            fields = {"key": each.key, "before": each.before, "after": each.after}
            self._world.operated("operator.set", target=str(each.target), **fields)
        return [
            {
                "target": str(each.target),
                "key": each.key,
                "before": each.before,
                "after": each.after,
                "undo": each.target.assignment(each.key, each.before),
            }
            for each in changed
        ]

    async def get(self, target: str) -> dict[str, Any]:
        """What is set on a target."""
        from orchestrator.settings import verbs
        from orchestrator.settings import words as said

        return await verbs.read(operations.Asked(self._world), said.target_of(target))

    def _operated(self, record: dict[str, Any]) -> None:
        from orchestrator.journal.sentences import tell

        what, _, verb = record["kind"].partition(".")
        if what == "operator":  # of faults the book tells, which knows how long they last
            self._world.numbers.happened(verb, record["target"])
        self.loads.note(tell(record).what)

    async def explain(self, request_id: str) -> dict[str, Any]:
        """Why a request got its answer."""
        from orchestrator.explaining import explain_request

        return await explain_request(self._world, request_id)

    async def top_hops(self, **arguments: Any) -> dict[str, Any]:
        """One echo to each hop, for `journey top`."""
        return await self._view().hops(**arguments)

    async def top_request(self, element: str | None = None) -> dict[str, Any]:
        """One request, for `journey top`."""
        return await self._view().request(element)

    async def top_state(self) -> dict[str, Any]:
        """Targets, load, faults and events, for `journey top`."""
        return {**await self._view().state(), "faults": self.faults.now()}

    def _view(self) -> "TopView":
        if self._top is None:
            from orchestrator.top.view import TopView

            self._top = TopView(self._world, self.loads)
        return self._top

    async def errors(self, limit: int) -> list[dict[str, Any]]:
        """The last requests that failed."""
        from orchestrator.explaining import last_errors

        return await last_errors(self._world, limit)

    async def request_down(self) -> dict[str, Any]:
        self.down.set()
        return {"directory": str(self._world.directory), "pid": os.getpid()}

    def load(
        self,
        *,
        stages: list[dict[str, float]],
        url: str | None = None,
        clients: Sequence[str] = (),
        **options: Any,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """A load of stages, which are all of rates or all of users, by some laptops or all; `options` are their own."""
        shape = Staged(tuple(stages), options)
        return operations.run_load(self._world, shape, url=url, clients=clients, book=self.loads)

    def load_trace(
        self,
        *,
        due_us: list[int],
        which: list[int] | None,
        duration_s: float,
        url: str | None = None,
        clients: Sequence[str] = (),
        **options: Any,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """A load whose requests are due at given moments."""
        shape = Traced(tuple(due_us), None if which is None else tuple(which), duration_s, options)
        return operations.run_load(self._world, shape, url=url, clients=clients, book=self.loads)

    def ping(self, **arguments: Any) -> AsyncGenerator[dict[str, Any], None]:
        """Echo requests, one by one."""
        from orchestrator.tools.probing import ping

        return ping(self._world, **arguments)

    def traceroute(self, **arguments: Any) -> AsyncGenerator[dict[str, Any], None]:
        """The hops of a way, one by one."""
        from orchestrator.tools.probing import traceroute

        return traceroute(self._world, **arguments)

    def capture(self, **arguments: Any) -> AsyncGenerator[dict[str, Any], None]:
        """While this world's own URL is fetched if neither a URL nor a time is given and `until_fetched` is."""
        if arguments.pop("until_fetched", False) and not arguments.get("url"):
            arguments["url"] = operations.target_of(self._world)
        return capture(self._world, **arguments)
