"""What has become of one container of a pod: waiting, running or exited, its restarts, and what was before."""

from typing import Any, NamedTuple

Object = dict[str, Any]


class Waiting(NamedTuple):
    """It does not run yet, or not again; as `state.waiting` says it."""

    reason: str
    message: str = ""


class Running(NamedTuple):
    """Its program runs; times are model time."""

    id: str
    started_ns: int


class Exited(NamedTuple):
    """Its program has ended, or could not be started (then there is no start)."""

    id: str
    exit_code: int
    reason: str
    message: str
    started_ns: int | None
    finished_ns: int


State = Waiting | Running | Exited

CREATING = Waiting("ContainerCreating")
INITIALIZING = Waiting("PodInitializing")


class Container:
    """One container: its part of the spec, and its state through all restarts."""

    def __init__(self, spec: Object, *, is_init: bool, waiting: Waiting) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.is_init = is_init
        self.is_sidecar = is_init and spec.get("restartPolicy") == "Always"
        self.state: State = waiting
        self.exited: Exited | None = None
        """Its latest end; what `lastState` shows while it runs or waits again."""
        self.shown_before: Exited | None = None
        """The end before that one, for `lastState` while `state` shows the latest."""
        self.restarts = 0
        self.begun = False
        """It was started at least once, here or before this kubelet."""
        self.image: str = spec["image"]
        """As the status shows it: in full, once it is known."""
        self.image_id = ""
        self.started = False
        """Its startup probe has passed; it has run postStart."""
        self.ready = False
        self.wants_restart = False
        """A probe had it killed: it is started again whatever its exit code."""

    @property
    def running(self) -> Running | None:
        return self.state if isinstance(self.state, Running) else None

    def wait(self, waiting: Waiting) -> None:
        """Say why it does not run."""
        if not isinstance(self.state, Running):
            self.state = waiting

    def start(self, container_id: str, now_ns: int) -> None:
        """Its program runs."""
        if self.begun:
            self.restarts += 1
        self.begun = True
        self.state = Running(container_id, now_ns)
        self.started = self.ready = self.wants_restart = False

    def fail_to_start(self, container_id: str, exit_code: int, message: str, now_ns: int) -> None:
        """The runtime made it, but could not start its program."""
        if self.begun:
            self.restarts += 1
        self.begun = True
        self.started = self.ready = self.wants_restart = False
        self._end(Exited(container_id, exit_code, "StartError", message, None, now_ns))

    def exit(self, exit_code: int, now_ns: int, reason: str = "", message: str = "") -> None:
        """Its program has ended; `message` is its last words, where they are wanted."""
        running = self.running
        if running is None:
            return
        reason = reason or ("Completed" if exit_code == 0 else "Error")
        self._end(Exited(running.id, exit_code, reason, message, running.started_ns, now_ns))
        self.started = self.ready = False

    def _end(self, exited: Exited) -> None:
        self.shown_before, self.exited = self.exited, exited
        self.state = exited

    @property
    def last(self) -> Exited | None:
        """What `lastState` shows."""
        return self.shown_before if isinstance(self.state, Exited) else self.exited

    @property
    def succeeded(self) -> bool:
        return isinstance(self.state, Exited) and self.state.exit_code == 0

    @property
    def initialized(self) -> bool:
        """As an init container it is no obstacle (any more)."""
        return self.started if self.is_sidecar else self.succeeded
