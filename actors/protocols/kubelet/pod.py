"""What a pod on this node needs next: the decisions of the kubelet's `computePodActions`, sans-IO.

How this works. A `PodMachine` holds what is so (the sandbox, the containers and how they ended) and is told what
happens. `steps(now)` compares that with what the spec wants, and says what is to be done now and when to look again.
It does not change anything by being asked; whoever carries the steps out tells the machine how that went.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from actors.protocols.kubelet.backoff import Backoff
from actors.protocols.kubelet.containers import (
    CREATING,
    INITIALIZING,
    Container,
    Exited,
    Object,
    Running,
    Waiting,
)

TimeOf = Callable[[str | None], int | None]
"""Turns a time of the API into model time; None stays None."""

REBOOTED = Exited("", 255, "Unknown", "", None, 0)
"""What containerd says of a container that it finds dead after a reboot."""


class Sandbox(NamedTuple):
    """A pod's network namespace and the process that holds it; `address` is "" until the CNI has given one."""

    id: str
    process: str
    netns: str
    address: str = ""
    veth: str = ""


class CrashLoop(NamedTuple):
    """This container has to wait before it starts again: until then, which is a wait of so long in all."""

    container: str
    until_ns: int
    wait_ns: int


class Steps(NamedTuple):
    """What to do now, and when to ask again at the latest (None: when something has happened)."""

    kill_sandbox: bool = False
    """All is over in it, or it has changed: stop what runs and take it away."""
    create_sandbox: bool = False
    start: tuple[str, ...] = ()
    crash_loops: tuple[CrashLoop, ...] = ()
    at_ns: int | None = None


class PodMachine:
    """One pod, from its admission here to the end of its last container."""

    def __init__(self, pod: Object, backoff: Backoff) -> None:
        spec = pod["spec"]
        self.uid: str = pod["metadata"]["uid"]
        self.name: str = pod["metadata"]["name"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.policy: str = spec.get("restartPolicy", "Always")
        self.sandbox: Sandbox | None = None
        self.had_sandbox = False
        """There was one before: a new one is a change that is told."""
        self.init = [
            Container(each, is_init=True, waiting=INITIALIZING) for each in spec.get("initContainers", ())
        ]
        waiting = INITIALIZING if self.init else CREATING
        self.containers = [Container(each, is_init=False, waiting=waiting) for each in spec["containers"]]
        self.failure: tuple[str, str] | None = None
        """Reason and message of a pod that was refused here, or had to be given up."""
        self.terminating = False
        self._backoff = backoff
        self._was_initialized = False

    def __iter__(self) -> Iterator[Container]:
        return iter([*self.init, *self.containers])

    def container(self, name: str) -> Container:
        return next(each for each in self if each.name == name)

    def key(self, container: Container) -> str:
        """Under which its restarts are counted by the back-off."""
        return f"{self.uid}/{container.name}"

    # ---- what was before ----------------------------------------------------------------------------------

    def recover(self, status: Object, now_ns: int, time_of: TimeOf) -> None:
        """Know what the API knows of a pod that ran here before this kubelet: all its containers are dead.

        `time_of` turns the API's times into model time."""
        known = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
        statuses = {each["name"]: each for each in known}
        for container in self:
            seen = statuses.get(container.name)
            if seen is not None:
                self._recover(container, seen, now_ns, time_of)
        self.had_sandbox = any(container.begun for container in self)

    def _recover(self, container: Container, seen: Object, now_ns: int, time_of: TimeOf) -> None:
        container.restarts = seen.get("restartCount", 0)
        container.image, container.image_id = seen.get("image") or container.image, seen.get("imageID", "")
        state, last = seen.get("state", {}), seen.get("lastState", {}).get("terminated")
        if last is not None:
            container.exited, container.begun = _exited(last, now_ns, time_of), True
        if (ended := state.get("terminated")) is not None:
            container.begun = True
            container.shown_before, container.exited = container.exited, _exited(ended, now_ns, time_of)
            container.state = container.exited
        elif (running := state.get("running")) is not None:
            container.begun = True
            identity = seen.get("containerID", "").removeprefix("containerd://")
            dead = REBOOTED._replace(
                id=identity, started_ns=time_of(running.get("startedAt")), finished_ns=now_ns
            )
            container.shown_before, container.exited = container.exited, dead
            container.state = dead

    # ---- what happens --------------------------------------------------------------------------------------

    def sandbox_ready(self, sandbox: Sandbox) -> None:
        """The CNI has wired it: containers can be started. Init containers that had ended run again in a new one."""
        self.sandbox, changed, self.had_sandbox = sandbox, self.had_sandbox, True
        if changed:
            self._was_initialized = False
            for container in self.init:
                if isinstance(container.state, Exited):
                    container.state = INITIALIZING

    def sandbox_gone(self, now_ns: int) -> None:
        """Its process has ended, by whomever: whatever ran in it was killed."""
        self.sandbox = None
        for container in self:
            container.exit(137, now_ns)

    def fail(self, reason: str, message: str) -> None:
        """The pod is given up: it will not run here."""
        self.failure = (reason, message)

    # ---- what is wanted ------------------------------------------------------------------------------------

    @property
    def initialized(self) -> bool:
        """All init containers have done their part."""
        return all(container.initialized for container in self.init)

    @property
    def finished(self) -> bool:
        """No container will ever run again."""
        if self.failure is not None:
            return not any(container.running for container in self)
        if self._init_failed() is not None:
            return not any(container.running for container in self)
        return bool(self.containers) and all(self._is_done(container) for container in self.containers)

    def steps(self, now_ns: int) -> Steps:
        """What is to be done now."""
        if self.terminating or self.failure is not None or self.finished:
            return Steps(kill_sandbox=self.sandbox is not None)
        if self.sandbox is None:
            return Steps(create_sandbox=True)
        return self._containers(now_ns)

    def _containers(self, now_ns: int) -> Steps:
        start: list[str] = []
        loops: list[CrashLoop] = []
        for container in self._candidates():
            if container.running is not None or self._is_done(container):
                continue
            until_ns = self.restart_at_ns(container)
            if until_ns > now_ns:
                loops.append(CrashLoop(container.name, until_ns, self._backoff.wait_ns(self.key(container))))
            else:
                start.append(container.name)
        at_ns = min((loop.until_ns for loop in loops), default=None)
        return Steps(start=tuple(start), crash_loops=tuple(loops), at_ns=at_ns)

    def _candidates(self) -> list[Container]:
        """The containers whose turn it is: init containers one after the other, then all others at once."""
        chosen: list[Container] = []
        for container in self.init:
            if self._was_initialized and not container.is_sidecar:
                continue
            if container.is_sidecar or not container.initialized:
                chosen.append(container)
            if not container.initialized and not self._was_initialized:
                return chosen
        self._was_initialized = True
        return [*chosen, *self.containers]

    def restart_at_ns(self, container: Container) -> int:
        """When it may start (again); its first restart does not wait."""
        if container.exited is None or container.wants_restart:
            return 0
        return self._backoff.until_ns(self.key(container), container.exited.finished_ns)

    def starts(self, container: Container, now_ns: int) -> None:
        """It is being started: after an end, the next end makes it wait longer."""
        if container.exited is not None and isinstance(container.state, (Exited, Waiting)):
            self._backoff.next(self.key(container), container.exited.finished_ns, now_ns)

    def _is_done(self, container: Container) -> bool:
        """It has ended and is not to be started again."""
        if not isinstance(container.state, Exited) or container.wants_restart or container.is_sidecar:
            return False
        if container.is_init:
            return container.state.exit_code == 0 or self.policy == "Never"
        match self.policy:
            case "Always":
                return False
            case "OnFailure":
                return container.state.exit_code == 0
        return True

    def _init_failed(self) -> Container | None:
        """The init container because of which the pod has failed."""
        if self.policy != "Never" or self._was_initialized:
            return None
        failed = (each for each in self.init if not each.is_sidecar and isinstance(each.state, Exited))
        return next((each for each in failed if not each.succeeded), None)

    @property
    def init_failed(self) -> bool:
        return self._init_failed() is not None

    @property
    def any_begun(self) -> bool:
        """A container of its own (not an init container) was started at least once."""
        return any(container.begun for container in self.containers)

    @property
    def any_running(self) -> bool:
        return any(isinstance(container.state, Running) for container in self)


def _exited(ended: Object, now_ns: int, time_of: TimeOf) -> Exited:
    finished_ns = time_of(ended.get("finishedAt"))
    return Exited(
        ended.get("containerID", "").removeprefix("containerd://"),
        ended.get("exitCode", 0),
        ended.get("reason", ""),
        ended.get("message", ""),
        time_of(ended.get("startedAt")),
        now_ns if finished_ns is None else finished_ns,
    )
