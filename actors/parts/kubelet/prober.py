"""Probes of one run of one container: tasks that probe when the engines say so, and tell what came out."""

import asyncio
from collections.abc import Callable
from typing import Any

from actors.element import JOURNEY
from actors.parts.kubelet.http_get import http_get, tcp_connect
from actors.parts.kubelet.services import USER_AGENT, Services
from actors.protocols.kubelet.containers import Container, Object
from actors.protocols.kubelet.pod import Sandbox
from actors.protocols.kubelet.probes import PASSED, Kind, Probe, Result, Verdict
from actors.units import SECOND

Told = Callable[[Container, Kind, Verdict], None]


class Prober:
    """Probes a container from its start until it is stopped; `told(container, kind, verdict)`."""

    def __init__(
        self, services: Services, pod: Object, container: Container, sandbox: Sandbox, told: Told
    ) -> None:
        self._services, self._pod, self._container = services, pod, container
        self._sandbox, self._told = sandbox, told
        self._tasks: dict[Kind, asyncio.Task[Any]] = {}

    def start(self) -> None:
        """Begin with the startup probe, or with all others if there is none."""
        if Kind.STARTUP.key in self._container.spec:
            self._begin(Kind.STARTUP)
        else:
            self._told(self._container, Kind.STARTUP, Verdict.PASSES)
            self._begin_others()

    def stop(self, *kinds: Kind) -> None:
        """Stop these probes, or all."""
        for kind in kinds or tuple(self._tasks):
            task = self._tasks.pop(kind, None)
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    def _begin_others(self) -> None:
        for kind in (Kind.READINESS, Kind.LIVENESS):
            if kind.key in self._container.spec:
                self._begin(kind)
            elif kind is Kind.READINESS:
                self._told(self._container, kind, Verdict.PASSES)

    def _begin(self, kind: Kind) -> None:
        running = self._container.running
        assert running is not None
        spec = self._container.spec[kind.key]
        probe = Probe(kind, spec, running.started_ns, self._services.now_ns())
        name = f"{kind.value} probe of {self._pod['metadata']['name']}/{self._container.name}"
        self._tasks[kind] = self._services.context.spawn(self._run(probe, spec), name)

    async def _run(self, probe: Probe, spec: Object) -> None:
        JOURNEY.set(None)
        services = self._services
        while not probe.over:
            wait_ns = probe.due_ns - services.now_ns()
            if wait_ns > 0:
                await services.context.sleep(wait_ns / SECOND)
            probe.begins(services.now_ns())
            result = await self._probe(spec, probe.settings.timeout_ns / SECOND)
            verdict = probe.handle(result)
            self._report(probe.kind, result)
            if verdict is None:
                continue
            self._told(self._container, probe.kind, verdict)
            if probe.kind is Kind.STARTUP and verdict is Verdict.PASSES:
                self._begin_others()

    async def _probe(self, spec: Object, timeout_s: float) -> Result:
        container, stack = self._container, self._services.kernel.stack
        pod_ip = self._sandbox.address.partition("/")[0]
        if "httpGet" in spec:
            return await http_get(stack, spec["httpGet"], container.spec, pod_ip, timeout_s, USER_AGENT)
        if "tcpSocket" in spec:
            return await tcp_connect(stack, spec["tcpSocket"], container.spec, pod_ip, timeout_s)
        command = spec.get("exec", {}).get("command", [])
        ended = await self._services.runtime.execute(self._sandbox, container.name, command, timeout_s)
        if ended.timed_out:
            return Result(False, f"{ended.output} after {timeout_s:g}s")
        if ended.exit_code is None:
            return Result(
                None, f"rpc error: code = Unknown desc = failed to exec in container: {ended.output}"
            )
        return PASSED if ended.exit_code == 0 else Result(False, ended.output)

    def _report(self, kind: Kind, result: Result) -> None:
        if result.passed:
            return
        said = "failed" if result.passed is False else "errored and resulted in unknown state"
        message = f"{kind.value} probe {said}: {result.output}"
        self._services.pod_event(self._pod, "Warning", "Unhealthy", message, self._container)
        metadata = self._pod["metadata"]
        self._services.context.event(
            "pod.probe",
            pod=f"{metadata['namespace']}/{metadata['name']}",
            container=self._container.name,
            probe=kind.value.lower(),
            message=message,
        )
