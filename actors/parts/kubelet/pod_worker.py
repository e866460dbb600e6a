"""One pod on this node, from its admission to its last trace: does what its state machine says, step by step.

How this works. `run` is the pod's story: it asks the machine what is next, does that, and waits for news. Whatever
happens elsewhere (a container's end, a probe's verdict, a change of the object) is told to the machine and wakes it.
When the object is marked for deletion the story ends: containers are stopped, the sandbox is taken away, the last
status is written, and the object is deleted for good.
"""

import asyncio
import signal
from typing import Any

from actors.element import CallFailed
from actors.parts.kubelet.killing import Killer
from actors.parts.kubelet.logs import remove
from actors.parts.kubelet.prober import Prober
from actors.parts.kubelet.runtime import RuntimeFailed
from actors.parts.kubelet.services import Services
from actors.parts.kubelet.starting import Starter
from actors.parts.kubelet.status_writer import StatusWriter
from actors.parts.kubernetes.client import ApiError
from actors.protocols.kubelet.admission import Refused
from actors.protocols.kubelet.containers import Container, Object, Waiting
from actors.protocols.kubelet.node_object import CNI_NOT_READY
from actors.protocols.kubelet.pod import CrashLoop, PodMachine, Sandbox
from actors.protocols.kubelet.probes import Kind, Verdict
from actors.protocols.kubelet.status import phase_of, pod_status
from actors.protocols.kubelet.texts import go_duration, unix_ns_of
from actors.units import SECOND

BACK_OFF_S = 10.0
"""After a failed sandbox the kubelet's pod worker waits so long, and up to half as long again by chance."""
RETRY_S, LONGEST_RETRY_S = 0.1, 5.0


class PodWorker:
    """A pod and what is done about it."""

    def __init__(self, services: Services, pod: Object, previous: "PodWorker | None") -> None:
        """`previous` has another pod of the same name, which must have gone before this one starts."""
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.machine = PodMachine(pod, services.restarts)
        self.gone = asyncio.Event()
        """Nothing is left of it here."""
        self._services, self._previous = services, previous
        self._began_ns = services.now_ns()
        self._news, self._deleted = asyncio.Event(), asyncio.Event()
        self._ended: dict[str, asyncio.Event] = {}
        self._killing: dict[asyncio.Event, None] = {}
        self._early_ends: dict[str, int] = {}
        self._probers: dict[str, Prober] = {}
        self._again_ns: dict[str, int] = {}
        self._dead: list[Sandbox] = []
        self._phase = pod.get("status", {}).get("phase", "Pending")
        self._refused: Refused | None = None
        self._writer = StatusWriter(services, lambda: self.pod, self.status, self.update)
        self._starter = Starter(services, self.machine, self._changed, self._on_started)
        self._killer = Killer(services)
        if pod.get("status", {}).get("containerStatuses"):
            self.machine.recover(pod["status"], services.now_ns(), self._time_of)

    @property
    def name(self) -> str:
        return f"{self.machine.namespace}/{self.machine.name}"

    @property
    def active(self) -> bool:
        """It takes room on the node."""
        return self.phase not in ("Succeeded", "Failed") and not self.gone.is_set()

    @property
    def settled(self) -> bool:
        """It is what it is to become, ready or at its end, and the API knows."""
        if self.machine.terminating or not self._writer.clean:
            return False
        return self.phase in ("Succeeded", "Failed") or all(each.ready for each in self.machine.containers)

    @property
    def phase(self) -> str:
        return phase_of(self.machine, self._phase)

    def _time_of(self, text: str | None) -> int | None:
        return None if text is None else self._services.model_ns(unix_ns_of(text))

    # ---- news ----------------------------------------------------------------------------------------------

    def update(self, pod: Object) -> None:
        """The object as the API has it now; an older one than is known is no news."""
        known, new = self.pod["metadata"], pod["metadata"]
        if int(new["resourceVersion"]) < int(known["resourceVersion"]):
            return
        self.pod = pod
        self._take_images(pod)
        if "deletionTimestamp" in new:
            if new.get("deletionGracePeriodSeconds", 0) < known.get("deletionGracePeriodSeconds", 0):
                self._services.context.spawn(self._hurry(self._grace_s()), f"hurry {self.name}")
            self._deleted.set()
        self._changed()

    def _take_images(self, pod: Object) -> None:
        """An image is all that may change in a container's spec; the container is started again with it."""
        specs = {
            each["name"]: each
            for part in ("initContainers", "containers")
            for each in pod["spec"].get(part, ())
        }
        for container in self.machine:
            spec = specs.get(container.name)
            if spec is None or spec["image"] == container.spec["image"]:
                continue
            old, container.spec = container.spec, spec
            self._again_ns.pop(container.name, None)
            if container.running is not None:
                container.wants_restart = True
                message = f"Container {container.name} definition changed, will be restarted"
                self._services.context.spawn(
                    self._kill(container, message, None, old), f"kill {container.name}"
                )

    async def _hurry(self, grace_s: float) -> None:
        """The pod was deleted again, with less patience: what still runs then is killed."""
        await self._services.context.sleep(grace_s)
        for container in self.machine:
            if container.running is not None and self.machine.sandbox is not None:
                await self._services.runtime.signal(self.machine.sandbox, container.name, signal.SIGKILL)

    def remove(self) -> None:
        """The object is gone from the API: whoever deleted it did not wait for this kubelet."""
        self._writer.give_up()
        self._deleted.set()
        self._news.set()

    def container_exited(self, name: str, container_id: str, exit_code: int) -> None:
        """A container's program has ended; its process says so."""
        container = next((each for each in self.machine if each.name == name), None)
        if container is None:
            return
        if container.running is None or container.running.id != container_id:
            self._early_ends[container_id] = exit_code
            return
        container.exit(exit_code, self._services.now_ns())
        self._on_ended(container)

    def sandbox_exited(self) -> None:
        """The pod's process has ended though nobody here wanted that."""
        sandbox, now_ns = self.machine.sandbox, self._services.now_ns()
        if sandbox is None:
            return
        running = [container for container in self.machine if container.running is not None]
        self.machine.sandbox_gone(now_ns)
        self._dead.append(sandbox)
        for container in running:
            self._on_ended(container)
        self._event("pod.sandbox", reason="SandboxGone", sandbox=sandbox.id)
        self._changed()

    def _on_ended(self, container: Container) -> None:
        prober = self._probers.pop(container.name, None)
        if prober is not None:
            prober.stop()
        self._ended[container.name].set()
        exited = container.exited
        assert exited is not None
        self._event("pod.container", container=container.name, what="exited", exit_code=exited.exit_code)
        self._changed()

    def _on_started(self, container: Container) -> None:
        self._ended[container.name] = asyncio.Event()
        running, sandbox = container.running, self.machine.sandbox
        assert running is not None and sandbox is not None
        early = self._early_ends.pop(running.id, None)
        if early is not None:
            self.container_exited(container.name, running.id, early)
            return
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if hook:
            self._services.context.spawn(
                self._post_start(container, hook, sandbox), f"postStart of {container.name}"
            )
        else:
            self._probe(container, sandbox)

    def _changed(self) -> None:
        self._news.set()
        phase = self.phase
        if phase != self._phase:
            self._phase = phase
            self._event("pod.phase", phase=phase)
        self._writer.changed()

    def _event(self, kind: str, **fields: Any) -> None:
        self._services.context.event(kind, pod=self.name, **fields)

    # ---- probes and hooks ----------------------------------------------------------------------------------

    def _probe(self, container: Container, sandbox: Sandbox) -> None:
        prober = Prober(self._services, self.pod, container, sandbox, self._on_verdict)
        self._probers[container.name] = prober
        prober.start()

    async def _post_start(self, container: Container, hook: Object, sandbox: Sandbox) -> None:
        run = container.running
        why = await self._killer.run_hook(hook, container, sandbox, None)
        if container.running is not run:
            return
        if why:
            self._services.pod_event(
                self.pod, "Warning", "FailedPostStartHook", "PostStartHook failed", container
            )
            await self._kill(container, "FailedPostStartHook", None)
        else:
            self._probe(container, sandbox)

    def _on_verdict(self, container: Container, kind: Kind, verdict: Verdict) -> None:
        passes = verdict is Verdict.PASSES
        before = (container.started, container.ready)
        if kind is Kind.READINESS:
            container.ready = passes
        elif kind is Kind.STARTUP and passes:
            container.started = True
        elif not passes and not self._deleted.is_set():
            container.wants_restart = self.machine.policy != "Never"
            restarted = ", will be restarted" if container.wants_restart else ""
            message = f"Container {container.name} failed {kind.value.lower()} probe{restarted}"
            grace_s = container.spec[kind.key].get("terminationGracePeriodSeconds")
            self._services.context.spawn(self._kill(container, message, grace_s), f"kill {container.name}")
        if before != (container.started, container.ready):
            self._changed()

    async def _kill(
        self, container: Container, message: str, grace_s: float | None, spec: Object | None = None
    ) -> None:
        """Stop a container that runs; `spec` is what it was started with, if that has changed since."""
        sandbox = self.machine.sandbox
        if container.running is None or sandbox is None:
            return
        ended, grace = self._ended[container.name], self._grace_s() if grace_s is None else grace_s
        if ended in self._killing:
            await ended.wait()  # somebody is at it
            return
        self._killing[ended] = None
        await self._killer.kill(self.pod, container, spec or container.spec, sandbox, grace, ended, message)
        del self._killing[ended]

    # ---- the story -----------------------------------------------------------------------------------------

    async def run(self, refused: Refused | None) -> None:
        """The pod's life on this node; `refused` is why it will have none."""
        if self._previous is not None:
            await self._previous.gone.wait()
        if refused is not None:
            self._services.pod_event(self.pod, "Warning", refused.reason, refused.message)
            self.machine.fail(refused.reason, f"Pod was rejected: {refused.message}")
        self._changed()
        while not self._deleted.is_set():
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
        if self._dead and not await self._remove_dead():
            return 0.0
        deadline_ns = self._deadline_ns()
        if deadline_ns is not None and now_ns >= deadline_ns and self.active and machine.failure is None:
            message = "Pod was active on the node longer than the specified deadline"
            self._services.pod_event(self.pod, "Normal", "DeadlineExceeded", message)
            machine.fail("DeadlineExceeded", message)
        steps = machine.steps(now_ns)
        if steps.kill_sandbox:
            await self._wind_up(self._grace_s())
            return None
        if steps.create_sandbox:
            if not await self._make_sandbox():
                await self._services.pause(
                    BACK_OFF_S * self._services.context.random.uniform(1, 1.5), self._deleted
                )
            return 0.0
        for loop in steps.crash_loops:
            self._tell_crash_loop(loop)
        times = [steps.at_ns, deadline_ns if self.active else None]
        return await self._start(steps.start, [each for each in times if each is not None])

    def _deadline_ns(self) -> int | None:
        """When its activeDeadlineSeconds are over."""
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is None:
            return None
        began_ns = self._time_of(self.pod.get("status", {}).get("startTime"))
        return (self._began_ns if began_ns is None else began_ns) + seconds * SECOND

    async def _start(self, names: tuple[str, ...], times: list[int]) -> float | None:
        """Start these containers one after the other; how long until there is something to look at again, at one of
        these times too."""
        machine, services = self.machine, self._services
        did_something = False
        for name in names:
            again_ns: int | None = self._again_ns.get(name, 0)
            if again_ns is not None and again_ns <= services.now_ns():
                if self._deleted.is_set() or machine.sandbox is None:
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
            again_ns = await self._starter.start(self.pod, container, sandbox, self._deleted)
        except RuntimeFailed as error:
            self._services.pod_event(self.pod, "Warning", "Failed", f"Error: {error}", container)
            again_ns = self._services.now_ns() + SECOND
        self._again_ns[container.name] = again_ns or 0
        return again_ns

    def _tell_crash_loop(self, loop: CrashLoop) -> None:
        container, metadata = self.machine.container(loop.container), self.pod["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({self.uid})"
        back_off = f"back-off {go_duration(loop.wait_ns)}"
        waiting = Waiting(
            "CrashLoopBackOff", f"{back_off} restarting failed container={loop.container} pod={pod}"
        )
        if container.state != waiting:
            message = f"Back-off restarting failed container {loop.container} in pod {pod}"
            self._services.pod_event(self.pod, "Warning", "BackOff", message, container)
            container.wait(waiting)
            self._changed()

    # ---- the sandbox ---------------------------------------------------------------------------------------

    async def _make_sandbox(self) -> bool:
        services, machine = self._services, self.machine
        if not services.network_ready.is_set():
            message = f"network is not ready: {CNI_NOT_READY}"
            services.pod_event(self.pod, "Warning", "NetworkNotReady", message)
            await services.first_of(services.network_ready, self._deleted)
            return True
        if machine.had_sandbox:
            message = "Pod sandbox changed, it will be killed and re-created."
            services.pod_event(self.pod, "Normal", "SandboxChanged", message)
        try:
            sandbox = await services.runtime.run_sandbox(machine)
        except RuntimeFailed as error:
            message = f"Failed to create pod sandbox: {error}"
            services.pod_event(self.pod, "Warning", "FailedCreatePodSandBox", message)
            self._event("pod.sandbox", reason="FailedCreatePodSandBox", message=message)
            return False
        machine.sandbox_ready(sandbox)
        self._event(
            "pod.sandbox",
            reason="SandboxCreated",
            sandbox=sandbox.id,
            address=sandbox.address,
            veth=sandbox.veth,
            process=sandbox.process,
        )
        self._changed()
        return True

    async def _remove_dead(self) -> bool:
        """Take away what is left of sandboxes whose process has ended; False if that has to be tried again."""
        while self._dead:
            if not await self._remove(self._dead[0]):
                return False
            self._dead.pop(0)
        return True

    async def _remove(self, sandbox: Sandbox) -> bool:
        try:
            await self._services.runtime.stop_sandbox(self.machine, sandbox)
        except RuntimeFailed as error:
            failed = f'failed to "KillPodSandbox" for "{self.uid}" with KillPodSandboxError: "{error}"'
            self._services.pod_event(self.pod, "Warning", "FailedKillPod", f"error killing pod: {failed}")
            await self._services.context.sleep(self._services.context.random.uniform(1, 1.5))
            return False
        self._event("pod.sandbox", reason="SandboxRemoved", sandbox=sandbox.id)
        return True

    # ---- the end -------------------------------------------------------------------------------------------

    def _grace_s(self) -> float:
        """How long its containers have to end."""
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        grace = metadata.get("deletionGracePeriodSeconds")
        if grace is None:
            grace = spec.get("terminationGracePeriodSeconds", 30)
        return max(float(grace), 1.0)

    async def _wind_up(self, grace_s: float) -> None:
        """Stop all containers, sidecars last, and take the sandbox away."""
        machine = self.machine
        await self._stop([each for each in machine if not each.is_sidecar], grace_s)
        for sidecar in reversed([each for each in machine if each.is_sidecar]):
            await self._stop([sidecar], grace_s)
        for prober in self._probers.values():
            prober.stop()
        if machine.sandbox is not None:
            sandbox = machine.sandbox
            self._dead.append(sandbox)
            machine.sandbox = None
        while not await self._remove_dead():
            pass
        self._changed()

    async def _stop(self, containers: list[Container], grace_s: float) -> None:
        running = [each for each in containers if each.running is not None]
        work = [self._kill(each, f"Stopping container {each.name}", grace_s) for each in running]
        await asyncio.gather(*work)

    async def _terminate(self) -> None:
        self.machine.terminating = True
        for prober in self._probers.values():
            prober.stop(Kind.LIVENESS, Kind.STARTUP)
        self._changed()
        await self._wind_up(self._grace_s())
        await self._writer.flush()
        await self._delete()
        remove(self._services, self.machine)
        self._services.restarts.forget(f"{self.uid}/")
        self._services.images.backoff.forget(f"{self.uid}/")
        self.gone.set()

    async def _delete(self) -> None:
        """Delete the object for good, if it is still this very one."""
        metadata, wait_s = self.pod["metadata"], RETRY_S
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
            self.pod,
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
