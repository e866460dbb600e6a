"""Stopping containers: preStop within the grace period, the image's stop signal, SIGKILL when the time is over."""

import asyncio
import signal

from actors.parts.kubelet.http_get import http_get
from actors.parts.kubelet.services import HOOK_USER_AGENT, Services
from actors.protocols.kubelet.containers import Container, Object
from actors.protocols.kubelet.images import parse
from actors.protocols.kubelet.pod import Sandbox
from actors.units import SECOND

LEAST_AFTER_HOOK_S = 2.0
"""What a container has after a preStop hook, however long that took."""
DIE_S = 5.0
"""How long the end of a killed container is waited for before it is killed again."""


class Killer:
    """Stops the containers of one pod; `ended[name]` is set when one has ended."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run_hook(
        self, hook: Object, container: Container, sandbox: Sandbox, timeout_s: float | None
    ) -> str:
        """Run a lifecycle hook; "" or why it failed."""
        services = self._services
        if "sleep" in hook:
            await services.context.sleep(hook["sleep"]["seconds"])
            return ""
        if "exec" in hook:
            command = hook["exec"].get("command", [])
            ended = await services.runtime.execute(sandbox, container.name, command, timeout_s)
            if ended.exit_code == 0:
                return ""
            why = (
                ended.output
                if ended.exit_code is None
                else f"command exited with {ended.exit_code}: {ended.output}"
            )
            return f"Exec lifecycle hook ({command}) for Container {container.name!r} failed: {why}"
        if "httpGet" in hook:
            pod_ip = sandbox.address.partition("/")[0]
            get, agent = hook["httpGet"], HOOK_USER_AGENT
            result = await http_get(
                services.kernel.stack, get, container.spec, pod_ip, timeout_s or 30.0, agent
            )
            return "" if result.passed else f"Http lifecycle hook failed: {result.output}"
        return "invalid handler type"

    async def kill(
        self,
        pod: Object,
        container: Container,
        spec: Object,
        sandbox: Sandbox,
        grace_s: float,
        ended: asyncio.Event,
        message: str,
    ) -> None:
        """Stop a container that was started with this spec; returns when it has ended."""
        services = self._services
        services.pod_event(pod, "Normal", "Killing", message, container)
        hook = (spec.get("lifecycle") or {}).get("preStop")
        if hook and grace_s > 0:
            took_s = await self._pre_stop(pod, hook, container, sandbox, grace_s, ended)
            grace_s = max(grace_s - took_s, LEAST_AFTER_HOOK_S)
        if not ended.is_set():
            await services.runtime.signal(sandbox, container.name, self._stop_signal(spec))
            await services.pause(grace_s, ended)
        while not ended.is_set():
            await services.runtime.signal(sandbox, container.name, signal.SIGKILL)
            await services.pause(DIE_S, ended)

    async def _pre_stop(
        self,
        pod: Object,
        hook: Object,
        container: Container,
        sandbox: Sandbox,
        grace_s: float,
        ended: asyncio.Event,
    ) -> float:
        """Run the hook for at most the grace period; how long it took."""
        began_ns = self._services.now_ns()
        work = self._services.context.spawn(
            self.run_hook(hook, container, sandbox, grace_s), f"preStop of {container.name}"
        )
        finished = asyncio.Event()
        work.add_done_callback(lambda _: finished.set())
        await self._services.first_of(finished, ended, within_s=grace_s)
        failed = work.result() if work.done() and not work.cancelled() else ""
        work.cancel()
        if failed:
            self._services.pod_event(pod, "Warning", "FailedPreStopHook", "PreStopHook failed", container)
        return (self._services.now_ns() - began_ns) / SECOND

    def _stop_signal(self, spec: Object) -> int:
        image = self._services.images.find(parse(spec["image"]))
        name = "SIGTERM" if image is None else image.signal
        return int(signal.Signals[name])
