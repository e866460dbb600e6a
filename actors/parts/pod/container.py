"""A container in a pod's sandbox: its program, its log, and what signals do to it.

The program is process 1 of its namespace, so the kernel drops signals that it has no handler for: nginx knows SIGQUIT
and SIGTERM, while a `sleep` or a shell lives on until SIGKILL. A shell that has come to its last command becomes it.
"""

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actors.element import Context
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.image import AppPlace, ContainerImage
from actors.parts.pod.modes import Modes
from actors.parts.pod.nginx_server import NginxServer
from actors.protocols.kubelet import commands
from actors.protocols.kubelet.commands import Command, Echo, Exit, Nginx, Script, SignalNginx, Sleep
from actors.protocols.kubelet.images import APP_SCHEME
from actors.stack import Stack

if TYPE_CHECKING:
    from actors.parts.pod.app_server import AppServer
    from actors.parts.pod.inside import Inside

KILLED = 128 + signal.SIGKILL
LONGEST_SLEEP_S = 3600.0

Say = Callable[[str], None]


class StartError(Exception):
    """The runtime could not start the program; says why in its words."""


class Container:
    """One run of a container; when it has ended, `exited(container, code)` is called."""

    def __init__(
        self,
        context: Context,
        stack: Stack,
        name: str,
        container_id: str,
        image: ContainerImage,
        environment: dict[str, str],
        log: ContainerLog,
        modes: Modes,
        exited: Callable[["Container", int], None],
        place: AppPlace,
    ) -> None:
        self.name = name
        self.id = container_id
        self.exit_code: int | None = None
        self.nginx: NginxServer | None = None
        self.app: AppServer | None = None
        self.log = log
        self._context, self._stack, self._image = context, stack, image
        self._environment, self._modes, self._exited = environment, modes, exited
        self._place = place
        self._init_is_nginx = False
        self._inside: Inside | None = None
        self._tasks: dict[asyncio.Task[Any], None] = {}

    # ---- life ----------------------------------------------------------------------------------------------

    def start(self, argv: tuple[str, ...]) -> None:
        """Start the program. Raises `StartError`."""
        if argv[0].startswith(APP_SCHEME) and self._image.app is not None:
            self._start_app(self._image.app, argv)
            return
        try:
            command = commands.parse(argv, self._environment, has_nginx=self._has_nginx)
        except commands.CommandNotFound as error:
            raise StartError(commands.start_error(error.name)) from None
        self._spawn(self._run(command), "container")

    def _start_app(self, reference: str, argv: tuple[str, ...]) -> None:
        """Load an application's code, and have it serve. Raises `StartError`."""
        # with aiohttp's server, which few pods want
        from actors.parts.pod.app_code import NoApp, Surroundings, load
        from actors.parts.pod.app_server import AppServer
        from actors.parts.pod.inside import Inside
        from actors.parts.pod.names import PodNames

        names = PodNames(self._context, self._stack, self._place.hosts, self._place.nameservers)
        environment = self._environment
        inside = Inside(self._context, self._stack, names, self.log, environment, list(argv[1:]))
        try:
            found = inside.run(load, reference, self._place.folder, Surroundings(environment, argv))
        except NoApp as error:
            inside.say("stderr", f"{error.details or error}\n")
            inside.end()
            self.log.flush()
            raise StartError(f"failed to start app {reference}: {error}") from None
        self._inside, self.app = inside, AppServer(inside, found, self._place, self._modes)
        inside.run(self._spawn, self._run_app(self.app), "app in")

    async def _run_app(self, app: "AppServer") -> None:
        self._end(await app.run())

    @property
    def server(self) -> "NginxServer | AppServer | None":
        """What serves in it, if it serves."""
        return self.app or self.nginx

    async def _run(self, command: Command) -> None:
        self._end(await self._execute(command, self.log.stdout, self.log.stderr, is_init=True))

    def signal(self, number: int) -> None:
        """A signal to process 1 from outside its namespace."""
        if self.exit_code is not None:
            return
        if number == signal.SIGKILL:
            self._end(KILLED)
        elif self.app is not None:
            self.app.signal(number)
        elif self._init_is_nginx and self.nginx is not None:
            self.nginx.signal(number)

    def _end(self, code: int) -> None:
        if self.exit_code is not None:
            return
        self.exit_code = code
        if self.server is not None:
            self.server.end()
        if self._inside is not None:
            self._inside.end()
        for task in list(self._tasks):
            if task is not asyncio.current_task():
                task.cancel()
        self.log.flush()
        self._exited(self, code)

    def _spawn(self, work: Any, what: str) -> "asyncio.Task[Any]":
        task = self._context.spawn(work, f"{what} {self.name}")
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    @property
    def _has_nginx(self) -> bool:
        return self._image.program == "nginx"

    # ---- exec ----------------------------------------------------------------------------------------------

    async def exec(self, argv: tuple[str, ...], timeout_s: float | None) -> tuple[int, str]:
        """Run a command beside the program: its exit code (137 if the container ends before it) and what it said.

        Raises `StartError` and TimeoutError."""
        try:
            command = commands.parse(argv, self._environment, has_nginx=self._has_nginx)
        except commands.CommandNotFound as error:
            raise StartError(commands.exec_error(error.name)) from None
        said: list[str] = []
        work = self._spawn(self._execute(command, said.append, said.append, is_init=False), "exec in")
        await asyncio.wait({work}, timeout=timeout_s)
        if not work.done():
            work.cancel()
            raise TimeoutError
        return KILLED if work.cancelled() else work.result(), "\n".join(said)

    # ---- commands ------------------------------------------------------------------------------------------

    async def _execute(self, command: Command, out: Say, err: Say, *, is_init: bool) -> int:
        match command:
            case Exit(code, error):
                if error:
                    err(error)
                return code
            case Echo(text):
                out(text)
            case Sleep(seconds):
                while seconds > 0:
                    await self._context.sleep(min(seconds, LONGEST_SLEEP_S))
                    seconds -= LONGEST_SLEEP_S
            case SignalNginx(name):
                return self._signal_nginx(name, err)
            case Nginx(daemonizes):
                return await self._start_nginx(daemonizes, is_init)
            case Script(steps):
                return await self._interpret(steps, out, err, is_init=is_init)
        return 0

    async def _interpret(self, steps: tuple[commands.Step, ...], out: Say, err: Say, *, is_init: bool) -> int:
        code = 0
        for index, (after, argv) in enumerate(steps):
            if (after == "&&" and code) or (after == "||" and not code):
                continue
            command = commands.parse_step(argv, self._environment, has_nginx=self._has_nginx)
            becomes = is_init and (index == len(steps) - 1 or argv[0] == "exec")
            code = await self._execute(command, out, err, is_init=becomes)
            if argv[0] in ("exit", "exec"):
                break
        return code

    async def _start_nginx(self, daemonizes: bool, is_init: bool) -> int:
        hostname = self._environment["HOSTNAME"]
        nginx = NginxServer(self._context, self._stack, self._image, hostname, self.log, self._modes)
        if self.nginx is None or not self.nginx.running:
            self.nginx, self._init_is_nginx = nginx, is_init and not daemonizes
        if not daemonizes:
            return await nginx.run()
        return 0 if await nginx.bind() else 1

    def _signal_nginx(self, name: str, err: Say) -> int:
        if self.nginx is None or not self.nginx.running:
            err('nginx: [error] invalid PID number "" in "/run/nginx.pid"')
            return 1
        self.nginx.signal(signal.SIGQUIT if name == "quit" else signal.SIGTERM)
        return 0
