"""A container's log: asked of the kubelet on the pod's node (pkg/registry/core/pod/strategy LogLocation)."""

from collections.abc import AsyncGenerator
from typing import Any

from actors.element import CallFailed
from actors.parts.kubernetes.apiserver.errors import NO_PATH, bad_request
from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.requests import Object, Request, Target, target_of
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.timestamps import is_rfc3339

FOLLOW_S = 0.25
"""How often a log that is followed is asked for."""


class LogSource:
    """The log of one container, as a request names it."""

    def __init__(self, registry: Registry, target: Target, request: Request) -> None:
        """Raises `ApiError` 400 or 404."""
        self._registry, self._target, self._request = registry, target, request
        self.pod = registry.current(target)
        self.container = self._container()
        self.previous = request.flag("previous")
        self.tail_lines = _at_least(request, "tailLines", 0)
        self.limit_bytes = _at_least(request, "limitBytes", 1)
        self.since: dict[str, Any] = _since(request)
        self._check_state()

    def _container(self) -> str:
        spec, name = self.pod["spec"], self.pod["metadata"]["name"]
        names = [each["name"] for each in spec.get("containers", ())]
        others = [each["name"] for each in spec.get("initContainers", ())]
        asked = self._request.query.get("container", "")
        if asked:
            if asked not in (*names, *others):
                raise bad_request(f"container {asked} is not valid for pod {name}")
            return asked
        if len(names) == 1:
            return str(names[0])
        more = f" or one of the init containers: [{' '.join(others)}]" if others else ""
        choose = f"choose one of: [{' '.join(names)}]{more}"
        raise bad_request(f"a container name must be specified for pod {name}, {choose}")

    def _check_state(self) -> None:
        """What the kubelet says of a container that has no log (pkg/kubelet validateContainerLogStatus)."""
        status, name = self.status(), self.pod["metadata"]["name"]
        if self.previous and not (status.get("lastState") or {}).get("terminated"):
            raise bad_request(f'previous terminated container "{self.container}" in pod "{name}" not found')
        waiting = (status.get("state") or {}).get("waiting")
        if waiting and not (status.get("lastState") or {}).get("terminated") and not self.previous:
            reason = waiting.get("reason", "ContainerCreating")
            raise bad_request(f'container "{self.container}" in pod "{name}" is waiting to start: {reason}')

    def status(self) -> Object:
        """The container's status as the kubelet has told it; {} while there is none."""
        status = self.pod.get("status", {})
        told = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
        return next((each for each in told if each["name"] == self.container), {})

    def look_again(self) -> bool:
        """Whether the container still runs, as the same one."""
        before = self.status().get("containerID")
        self.pod = self._registry.current(self._target)
        status = self.status()
        return status.get("containerID") == before and "terminated" not in (status.get("state") or {})

    async def read(self, **limits: Any) -> str:
        """The log. Raises `ApiError` 500 when the node is away or refuses."""
        node = self.pod["spec"].get("nodeName")
        if not node:
            return ""
        metadata = self.pod["metadata"]
        try:
            text: Any = await self._registry.context.call(
                node,
                "container_logs",
                namespace=metadata["namespace"],
                pod=metadata["name"],
                container=self.container,
                previous=self.previous,
                timestamps=self._request.flag("timestamps"),
                **{
                    "tail_lines": None,
                    "since_seconds": None,
                    "since_time": None,
                    "limit_bytes": None,
                    **limits,
                },
            )
        except CallFailed as error:
            raise ApiError(500, f"Internal error occurred: {error}", "InternalError") from None
        return str(text)


def _at_least(request: Request, name: str, least: int) -> int | None:
    number = request.number(name)
    if number is not None and number < least:
        words = "must be greater than 0" if least else "must be greater than or equal to 0"
        raise _refused(f"{name}: Invalid value: {number}: {words}")
    return number


def _since(request: Request) -> dict[str, Any]:
    """From when on: so many seconds ago, or a time; {} for the beginning."""
    seconds, moment = _at_least(request, "sinceSeconds", 1), request.query.get("sinceTime")
    if seconds is not None and moment:
        raise _refused("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if moment and not is_rfc3339(moment):
        raise bad_request(f'parsing time "{moment}" as "2006-01-02T15:04:05Z07:00": cannot parse "{moment}"')
    if seconds is not None:
        return {"since_seconds": seconds}
    return {"since_time": moment} if moment else {}


def _refused(words: str) -> ApiError:
    return ApiError(422, f'PodLogOptions "" is invalid: {words}', "Invalid")


def _source(registry: Registry, request: Request) -> LogSource:
    target = target_of(request.path)
    if target is None or target.subresource != "log":
        raise NO_PATH
    return LogSource(registry, target, request)


async def read_log(registry: Registry, request: Request) -> str:
    """The log as the request wants it."""
    source = _source(registry, request)
    return await source.read(tail_lines=source.tail_lines, limit_bytes=source.limit_bytes, **source.since)


async def follow(registry: Registry, request: Request) -> AsyncGenerator[str, None]:
    """The log from where the request says, and what is added to it, until the container ends. Raises `ApiError`."""
    source = _source(registry, request)
    whole = await source.read()
    first = whole
    if source.since or source.tail_lines is not None:
        first = await source.read(tail_lines=source.tail_lines, **source.since)
    return _follow(registry, source, whole, first)


async def _follow(registry: Registry, source: LogSource, whole: str, first: str) -> AsyncGenerator[str, None]:
    left = source.limit_bytes
    told, text = len(whole), first
    running = True
    while True:
        if left is not None:
            text = text.encode()[:left].decode(errors="ignore")
            left -= len(text.encode())
        if text:
            yield text
        if not running or left == 0:
            return
        await registry.context.sleep(FOLLOW_S)
        try:
            running = source.look_again()
            whole = await source.read()
        except ApiError:
            return
        text, told = whole[told:], max(told, len(whole))
