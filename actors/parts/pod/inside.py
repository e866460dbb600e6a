"""What an app finds around it inside its container: on the virtual clock all pods share a process.

How this works. A context variable says whose code is running; tasks inherit it. By it `print` and `logging` find the
container's log, tasks that an app has begun are known and end with it, and a real socket is refused: the pod's network
is the emulated one.
"""

import asyncio
import contextvars
import errno
import io
import sys
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from random import Random
from typing import Any, TypeVar

from actors.element import JOURNEY, Context
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.names import PodNames
from actors.stack import Stack

Result = TypeVar("Result")

REFUSED = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname")
"""Events (PEP 578) that mean that a program is about to use a real network."""


class Inside:
    """One container, as its program sees it."""

    def __init__(
        self,
        context: Context,
        stack: Stack,
        names: PodNames,
        log: ContainerLog,
        environment: dict[str, str],
        args: list[str],
    ) -> None:
        self.context, self.stack, self.names, self.log = context, stack, names, log
        self.environment, self.args = environment, args
        self.random = Random(context.random.getrandbits(64))
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self._begun = {"stdout": "", "stderr": ""}
        self._variables = contextvars.copy_context()
        self._variables.run(INSIDE.set, self)
        self._variables.run(JOURNEY.set, None)
        _install()

    def run(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call it as this container's program."""
        return self._variables.copy().run(function, *args)

    def say(self, stream: str, text: str) -> None:
        """Something was printed; lines go to the log when they are complete."""
        *lines, self._begun[stream] = (self._begun[stream] + text).split("\n")
        say = self.log.stdout if stream == "stdout" else self.log.stderr
        for line in lines:
            say(line)

    def end(self) -> None:
        """The program has ended: what it had begun ends with it."""
        for stream, begun in self._begun.items():
            if begun:
                self.say(stream, "\n")
        for task in list(self.tasks):
            if task is not asyncio.current_task():
                task.cancel()


INSIDE: ContextVar[Inside | None] = ContextVar("container", default=None)


def here() -> Inside:
    """The container whose program is running. Raises RuntimeError outside of one."""
    inside = INSIDE.get()
    if inside is None:
        raise RuntimeError("this is no container of a pod: run the app by `image: asyncio://module:app`")
    return inside


class _Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr`: of the container that writes, or else what it was before."""

    encoding = "utf-8"

    def __init__(self, name: str, before: Any) -> None:
        self._name, self._before = name, before

    def write(self, text: str, /) -> int:
        inside = INSIDE.get()
        if inside is None:
            return int(self._before.write(text) or 0)
        inside.say(self._name, text)
        return len(text)

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        if not self._before.closed:
            self._before.flush()

    def fileno(self) -> int:
        return int(self._before.fileno())


def _install() -> None:
    for name in ("stdout", "stderr"):
        if not isinstance(getattr(sys, name), _Stream):
            setattr(sys, name, _Stream(name, getattr(sys, name)))
    loop = asyncio.get_running_loop()
    if loop.get_task_factory() is not _known_task:
        loop.set_task_factory(_known_task)
        loop.getaddrinfo = _emulated_names_only(loop.getaddrinfo)  # type: ignore[method-assign]
    if not _HOOKED:
        _HOOKED.append(True)
        sys.addaudithook(_refuse_real_sockets)


_HOOKED: list[bool] = []
"""An audit hook stays for the life of the process: there is one."""


def _known_task(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Result] | Generator[Any, None, Result],
    **options: Any,
) -> "asyncio.Task[Result]":
    task = asyncio.Task(work, loop=loop, **options)
    inside = INSIDE.get()
    if inside is not None:
        inside.tasks[task] = None
        task.add_done_callback(lambda done: inside.tasks.pop(done, None))
    return task


def _emulated_names_only(ask: Callable[..., Any]) -> Callable[..., Any]:
    """asyncio asks for names in threads, where nobody can tell for whom."""

    async def getaddrinfo(host: Any, port: Any, **options: Any) -> Any:
        if INSIDE.get() is not None:
            _refuse(f"getaddrinfo of {host}")
        return await ask(host, port, **options)

    return getaddrinfo


def _refuse_real_sockets(event: str, arguments: tuple[Any, ...]) -> None:
    if event not in REFUSED or INSIDE.get() is None:
        return
    if event in ("socket.connect", "socket.bind") and not isinstance(arguments[1], tuple):
        return  # a path, on this machine
    _refuse(event.partition(".")[2])


def _refuse(what: str) -> None:
    why = "a pod has the emulated network only: use journey.pod.session(), or journey.pod.open_connection()"
    raise PermissionError(errno.EACCES, f"{what}: {why}")
