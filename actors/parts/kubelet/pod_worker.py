"""One pod on this node, from its admission to its last trace: does what its state machine says, step by step.

How this works. `run` is the pod's story: it asks the machine what is next, does that, and waits for news. Whatever
happens elsewhere (a container's end, a probe's verdict, a change of the object) is told to the machine and wakes it.
When the object is marked for deletion the story ends: containers are stopped, the sandbox is taken away, the last
status is written, and the object is deleted for good.
"""

import asyncio
from typing import Any

from actors.element import CallFailed
from actors.parts.kubelet.logs import remove
from actors.parts.kubelet.pod_case import PodCase
from actors.parts.kubelet.pod_containers import PodContainers
from actors.parts.kubelet.runtime import RuntimeFailed
from actors.parts.kubelet.sandboxes import Sandboxes
from actors.parts.kubelet.services import Services
from actors.parts.kubelet.starting import Starter
from actors.parts.kubelet.status_writer import StatusWriter
from actors.parts.kubernetes.client import ApiError
from actors.protocols.kubelet.admission import Refused
from actors.protocols.kubelet.containers import Container, Object, Waiting
from actors.protocols.kubelet.pod import CrashLoop, Sandbox
from actors.protocols.kubelet.probes import Kind
from actors.protocols.kubelet.status import TERMINAL, phase_of, pod_status
from actors.protocols.kubelet.texts import go_duration, unix_ns_of
from actors.units import SECOND

BACK_OFF_S = 10.0
"""After a failed sandbox the kubelet's pod worker waits so long, and up to half as long again by chance."""
RETRY_S, LONGEST_RETRY_S = 0.1, 5.0


class PodWorker:
    """A pod and what is done about it."""

    def __init__(self, services: Services, pod: Object, previous: "PodWorker | None") -> None:
        """`previous` has another pod of the same name, which must have gone before this one starts."""
        self.case = PodCase(services, pod, self._changed)
        self.machine = self.case.machine
        self.gone = asyncio.Event()
        """Nothing is left of it here."""
        self._services, self._previous = services, previous
        self._began_ns = services.now_ns()
        self._news = asyncio.Event()
        self._again_ns: dict[str, int] = {}
        self._phase = pod.get("status", {}).get("phase", "Pending")
        self._sandboxes = Sandboxes(self.case)
        self._containers = PodContainers(self.case)
        self._writer = StatusWriter(services, lambda: self.case.pod, self.status, self.update)
        self._starter = Starter(services, self.machine, self._changed, self._containers.started)
        status = pod.get("status", {})
        if status.get("containerStatuses"):
            self.machine.recover(status, services.now_ns(), self._time_of)
        if self._phase in TERMINAL:
            self.machine.fail(status.get("reason", ""), status.get("message", ""))

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def uid(self) -> str:
        return self.case.uid

    @property
    def active(self) -> bool:
        """It takes room on the node."""
        return self.phase not in TERMINAL and not self.gone.is_set()

    @property
    def settled(self) -> bool:
        """It is what it is to become, ready or at its end, and the API knows."""
        if self.machine.terminating or not self._writer.clean:
            return False
        return self.phase in TERMINAL or all(each.ready for each in self.machine.containers)

    @property
    def phase(self) -> str:
        return phase_of(self.machine, self._phase)

    def _time_of(self, text: str | None) -> int | None:
        return None if text is None else self._services.model_ns(unix_ns_of(text))

    # ---- news ----------------------------------------------------------------------------------------------

    def update(self, pod: Object) -> None:
        """The object as the API has it now; an older one than is known is no news."""
        known, new = self.case.pod["metadata"], pod["metadata"]
        if int(new["resourceVersion"]) < int(known["resourceVersion"]):
            return
        self.case.pod = pod
        for name in self._containers.take_images(pod):
            self._again_ns.pop(name, None)
        if "deletionTimestamp" in new:
            if new.get("deletionGracePeriodSeconds", 0) < known.get("deletionGracePeriodSeconds", 0):
                self._services.context.spawn(self._containers.hurry(self.case.grace_s), f"hurry {self.name}")
            self.case.deleted.set()
        self._changed()

    def remove(self) -> None:
        """The object is gone from the API: whoever deleted it did not wait for this kubelet."""
        self._writer.give_up()
        self.case.deleted.set()
        self._news.set()

    def container_exited(self, name: str, container_id: str, exit_code: int) -> None:
        """A container's program has ended; its process says so."""
        self._containers.exited(name, container_id, exit_code)

    def sandbox_exited(self) -> None:
        """The pod's process has ended though nobody here wanted that."""
        sandbox = self.machine.sandbox
        if sandbox is None:
            return
        running = [container for container in self.machine if container.running is not None]
        self.machine.sandbox_gone(self._services.now_ns())
        self._sandboxes.died(sandbox)
        self._containers.killed_with(running)
        self._changed()

    def _changed(self) -> None:
        self._news.set()
        phase = self.phase
        if phase != self._phase:
            self._phase = phase
            self.case.record("pod.phase", uid=self.uid, phase=phase)
        self._writer.changed()

    # ---- the story -----------------------------------------------------------------------------------------

    async def run(self, refused: Refused | None) -> None:
        """The pod's life on this node; `refused` is why it will have none."""
        if self._previous is not None:
            await self._previous.gone.wait()
        if refused is not None:
            self.case.event("Warning", refused.reason, refused.message)
            self.machine.fail(refused.reason, f"Pod was rejected: {refused.message}")
        self._changed()
        while not self.case.deleted.is_set():
            self._news.clear()
            wait_s = await self._step()
            if wait_s is None:
                await self._news.wait()
            elif wait_s > 0:
                await self._services.pause(wait_s, self._news)
        await self._terminate()

    async def _step(self) -> float | None:
        """Do what is next; returns how long to wait for news at most (None: for ever)."""
        machine, now_ns = self.machine, self._services.now_ns()
        if not await self._sandboxes.clear_away():
            return 0.0
        deadline_ns = self._deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns and self.active and machine.failure is None:
            message = "Pod was active on the node longer than the specified deadline"
            self.case.event("Normal", "DeadlineExceeded", message)
            machine.fail("DeadlineExceeded", message)
        steps = machine.steps(now_ns)
        if steps.kill_sandbox:
            await self._wind_up()
            return None
        if steps.create_sandbox:
            if not await self._sandboxes.make():
                await self._services.pause(
                    BACK_OFF_S * self._services.context.random.uniform(1, 1.5), self.case.deleted
                )
            return 0.0
        for loop in steps.crash_loops:
            self._tell_crash_loop(loop)
        times = [steps.at_ns, deadline_ns if self.active else None]
        return await self._start(steps.start, [each for each in times if each is not None])

    def _deadline_ns(self) -> int | None:
        """When its activeDeadlineSeconds are over."""
        seconds = self.case.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return None
        began_ns = self._time_of(self.case.pod.get("status", {}).get("startTime"))
        return (self._began_ns if began_ns is None else began_ns) + seconds * SECOND

    async def _start(self, names: tuple[str, ...], times: list[int]) -> float | None:
        """Start these containers one after the other; how long until there is something to look at again, at one of
        these times too."""
        machine, services = self.machine, self._services
        did_something = False
        for name in names:
            again_ns: int | None = self._again_ns.get(name, 0)
            if again_ns is not None and again_ns <= services.now_ns():
                if self.case.deleted.is_set() or machine.sandbox is None:
                    return 0.0
                again_ns = await self._try_to_start(machine.container(name), machine.sandbox)
                did_something = True
            if again_ns is not None:
                times.append(again_ns)
        if did_something:
            return 0.0
        if not times:
            return None
        return max(min(times) - services.now_ns(), 1) / SECOND

    async def _try_to_start(self, container: Container, sandbox: Sandbox) -> int | None:
        again_ns: int | None
        try:
            again_ns = await self._starter.start(self.case.pod, container, sandbox, self.case.deleted)
        except RuntimeFailed as error:
            self.case.event("Warning", "Failed", f"Error: {error}", container)
            again_ns = self._services.now_ns() + SECOND
        self._again_ns[container.name] = again_ns or 0
        return again_ns

    def _tell_crash_loop(self, loop: CrashLoop) -> None:
        container, metadata = self.machine.container(loop.container), self.case.pod["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({self.uid})"
        back_off = f"back-off {go_duration(loop.wait_ns)}"
        waiting = Waiting(
            "CrashLoopBackOff", f"{back_off} restarting failed container={loop.container} pod={pod}"
        )
        if container.state != waiting:
            message = f"Back-off restarting failed container {loop.container} in pod {pod}"
            self.case.event("Warning", "BackOff", message, container)
            container.wait(waiting)
            self._changed()

    # ---- the end -------------------------------------------------------------------------------------------

    async def _wind_up(self) -> None:
        """Stop all containers, and take the sandbox away."""
        await self._containers.stop_all(self.case.grace_s)
        await self._sandboxes.end()
        self._changed()

    async def _terminate(self) -> None:
        self.machine.terminating = True
        self._containers.stop_probing(Kind.LIVENESS, Kind.STARTUP)
        self._changed()
        await self._wind_up()
        await self._writer.flush()
        await self._delete()
        remove(self._services, self.machine)
        self._services.restarts.forget(f"{self.uid}/")
        self._services.images.backoff.forget(f"{self.uid}/")
        self.gone.set()

    async def _delete(self) -> None:
        """Delete the object for good, if it is still this very one."""
        metadata, wait_s = self.case.pod["metadata"], RETRY_S
        while True:
            try:
                await self._services.client.delete(
                    "Pod", metadata["name"], metadata["namespace"], uid=self.uid, grace_period_seconds=0
                )
                return
            except ApiError as error:
                if error.code in (404, 409):
                    return
            except CallFailed:
                pass
            await self._services.context.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    # ---- looking in ----------------------------------------------------------------------------------------

    def status(self) -> Object:
        """Its status, as it ought to be in the API."""
        services = self._services
        return pod_status(
            self.machine,
            self.case.pod,
            services.host_ip,
            self._began_ns,
            services.context.unix_ns,
            services.now_ns(),
        )

    def inspect(self) -> dict[str, Any]:
        sandbox = self.machine.sandbox
        return {
            "phase": self.phase,
            "uid": self.uid,
            "terminating": self.machine.terminating,
            **(
                {}
                if sandbox is None
                else {
                    "ip": sandbox.address.partition("/")[0],
                    "veth": sandbox.veth,
                    "sandbox": sandbox.id,
                    "process": sandbox.process,
                    "netns": sandbox.netns,
                }
            ),
        }
