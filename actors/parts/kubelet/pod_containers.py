"""A pod's containers while they run: their hooks and probes, and their ends, wanted or not."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from actors.parts.kubelet import logs
from actors.parts.kubelet.killing import Killer
from actors.parts.kubelet.pod_case import PodCase
from actors.parts.kubelet.prober import Prober
from actors.protocols.kubelet.containers import Container, Object
from actors.protocols.kubelet.pod import Sandbox
from actors.protocols.kubelet.probes import Kind, Verdict


class PodContainers:
    """Looks after the running containers of one pod."""

    def __init__(self, case: PodCase) -> None:
        self._case = case
        self._killer = Killer(case.services)
        self._ended: dict[str, asyncio.Event] = {}
        self._killing: dict[asyncio.Event, None] = {}
        self._early_ends: dict[str, int] = {}
        self._probers: dict[str, Prober] = {}

    # ---- what happens --------------------------------------------------------------------------------------

    def started(self, container: Container) -> None:
        """A container's program runs; or has ended by now, which was told before its start was."""
        self._ended[container.name] = asyncio.Event()
        running, sandbox = container.running, self._case.machine.sandbox
        assert running is not None and sandbox is not None
        early = self._early_ends.pop(running.id, None)
        if early is not None:
            self.exited(container.name, running.id, early)
            return
        hook = (container.spec.get("lifecycle") or {}).get("postStart")
        if hook:
            self._spawn(self._post_start(container, hook, sandbox), f"postStart of {container.name}")
        else:
            self._probe(container, sandbox)

    def exited(self, name: str, container_id: str, exit_code: int) -> None:
        """A container's program has ended; its process says so."""
        container = next((each for each in self._case.machine if each.name == name), None)
        if container is None:
            return
        if container.running is None or container.running.id != container_id:
            self._early_ends[container_id] = exit_code
            return
        told = ""
        if exit_code and container.spec.get("terminationMessagePolicy") == "FallbackToLogsOnError":
            told = logs.last_words(self._case.services, self._case.machine, container)
        container.exit(exit_code, self._case.services.now_ns(), message=told)
        self._has_ended(container)

    def killed_with(self, running: list[Container]) -> None:
        """The process that these ran in has ended."""
        for container in running:
            self._has_ended(container)

    def _has_ended(self, container: Container) -> None:
        prober = self._probers.pop(container.name, None)
        if prober is not None:
            prober.stop()
        self._ended[container.name].set()
        exited = container.exited
        assert exited is not None
        what = {"container": container.name, "what": "exited", "exit_code": exited.exit_code}
        self._case.record("pod.container", **what)
        self._case.changed()

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._case.services.context.spawn(work, name)

    # ---- probes and hooks ----------------------------------------------------------------------------------

    def _probe(self, container: Container, sandbox: Sandbox) -> None:
        prober = Prober(self._case.services, self._case.pod, container, sandbox, self._on_verdict)
        self._probers[container.name] = prober
        prober.start()

    async def _post_start(self, container: Container, hook: Object, sandbox: Sandbox) -> None:
        run = container.running
        why = await self._killer.run_hook(hook, container, sandbox, None)
        if container.running is not run:
            return
        if why:
            self._case.event("Warning", "FailedPostStartHook", "PostStartHook failed", container)
            await self._kill(container, "FailedPostStartHook")
        else:
            self._probe(container, sandbox)

    def _on_verdict(self, container: Container, kind: Kind, verdict: Verdict) -> None:
        passes = verdict is Verdict.PASSES
        before = (container.started, container.ready)
        if kind is Kind.READINESS:
            container.ready = passes
        elif kind is Kind.STARTUP and passes:
            container.started = True
        elif not passes and not self._case.deleted.is_set():
            container.wants_restart = self._case.machine.policy != "Never"
            restarted = ", will be restarted" if container.wants_restart else ""
            message = f"Container {container.name} failed {kind.value.lower()} probe{restarted}"
            grace_s = container.spec[kind.key].get("terminationGracePeriodSeconds")
            self._spawn(self._kill(container, message, grace_s), f"kill {container.name}")
        if before != (container.started, container.ready):
            self._case.changed()

    def stop_probing(self, *kinds: Kind) -> None:
        """These kinds of probes, or all, are over for all containers."""
        for prober in self._probers.values():
            prober.stop(*kinds)

    # ---- ends that are wanted ------------------------------------------------------------------------------

    def take_images(self, pod: Object) -> list[str]:
        """An image is all that may change in a container's spec; a container that runs is started again with it.

        Returns the names of those that have another one."""
        parts = ("initContainers", "containers")
        specs = {each["name"]: each for part in parts for each in pod["spec"].get(part, ())}
        changed = []
        for container in self._case.machine:
            spec = specs.get(container.name)
            if spec is None or spec["image"] == container.spec["image"]:
                continue
            changed.append(container.name)
            old, container.spec = container.spec, spec
            if container.running is not None:
                container.wants_restart = True
                message = f"Container {container.name} definition changed, will be restarted"
                self._spawn(self._kill(container, message, spec=old), f"kill {container.name}")
        return changed

    async def stop_all(self, grace_s: float) -> None:
        """Stop all containers, sidecars last."""
        machine = self._case.machine
        await self._stop([each for each in machine if not each.is_sidecar], grace_s)
        for sidecar in reversed([each for each in machine if each.is_sidecar]):
            await self._stop([sidecar], grace_s)
        self.stop_probing()

    async def _stop(self, containers: list[Container], grace_s: float) -> None:
        running = [each for each in containers if each.running is not None]
        await asyncio.gather(
            *(self._kill(each, f"Stopping container {each.name}", grace_s) for each in running)
        )

    async def hurry(self, grace_s: float) -> None:
        """The pod was deleted again, with less patience: what still runs then is killed."""
        await self._case.services.context.sleep(grace_s)
        for container in self._case.machine:
            sandbox = self._case.machine.sandbox
            if container.running is not None and sandbox is not None:
                await self._case.services.runtime.signal(sandbox, container.name, signal.SIGKILL)

    async def _kill(
        self, container: Container, message: str, grace_s: float | None = None, spec: Object | None = None
    ) -> None:
        """Stop a container that runs; `spec` is what it was started with, if that has changed since."""
        case, sandbox = self._case, self._case.machine.sandbox
        if container.running is None or sandbox is None:
            return
        ended, grace = self._ended[container.name], case.grace_s if grace_s is None else grace_s
        if ended in self._killing:
            await ended.wait()  # somebody is at it
            return
        self._killing[ended] = None
        await self._killer.kill(case.pod, container, spec or container.spec, sandbox, grace, ended, message)
        del self._killing[ended]
