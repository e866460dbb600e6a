"""A pod's sandboxes: the one that it has, those that are dead and not yet cleared away."""

from actors.parts.kubelet.pod_case import PodCase
from actors.parts.kubelet.runtime import RuntimeFailed
from actors.protocols.kubelet.node_object import CNI_NOT_READY
from actors.protocols.kubelet.pod import Sandbox

STOP_S = 0.1
"""From the end of a pod's last container to the plugin's DEL: containerd reaps the task, then executes the chain of
plugins (chosen: nobody publishes it). Meanwhile the address is still the pod's, and its kernel refuses connections."""

CHANGED = "Pod sandbox changed, it will be killed and re-created."


class Sandboxes:
    """Makes sandboxes for one pod, and takes them away."""

    def __init__(self, case: PodCase) -> None:
        self._case = case
        self._dead: list[Sandbox] = []

    async def make(self) -> bool:
        """Have one with its network; False if that failed and is to be tried again later."""
        case, services, machine = self._case, self._case.services, self._case.machine
        if not services.network_ready.is_set():
            case.event("Warning", "NetworkNotReady", f"network is not ready: {CNI_NOT_READY}")
            await services.first_of(services.network_ready, case.deleted)
            return True
        if machine.had_sandbox:
            case.event("Normal", "SandboxChanged", CHANGED)
        try:
            sandbox = await services.runtime.run_sandbox(machine)
        except RuntimeFailed as error:
            message = f"Failed to create pod sandbox: {error}"
            case.event("Warning", "FailedCreatePodSandBox", message)
            case.record("pod.sandbox", reason="FailedCreatePodSandBox", message=message)
            return False
        machine.sandbox_ready(sandbox)
        case.record(
            "pod.sandbox",
            reason="SandboxCreated",
            sandbox=sandbox.id,
            address=sandbox.address,
            veth=sandbox.veth,
            process=sandbox.process,
        )
        case.changed()
        return True

    def died(self, sandbox: Sandbox) -> None:
        """Its process has ended though nobody here wanted that."""
        self._dead.append(sandbox)
        self._case.record("pod.sandbox", reason="SandboxGone", sandbox=sandbox.id)

    async def clear_away(self) -> bool:
        """Take the dead ones away; False if something of them is left, after a while in which it may get better."""
        while self._dead:
            if not await self._remove(self._dead[0]):
                return False
            self._dead.pop(0)
        return True

    async def end(self) -> None:
        """Take away all that there are, however long it takes."""
        machine = self._case.machine
        if machine.sandbox is not None:
            await self._case.services.context.sleep(STOP_S)
        if machine.sandbox is not None:  # it may have died meanwhile
            self._dead.append(machine.sandbox)
            machine.sandbox = None
        while not await self.clear_away():
            pass

    async def _remove(self, sandbox: Sandbox) -> bool:
        case, services = self._case, self._case.services
        try:
            await services.runtime.stop_sandbox(case.machine, sandbox)
        except RuntimeFailed as error:
            failed = f'failed to "KillPodSandbox" for "{case.uid}" with KillPodSandboxError: "{error}"'
            case.event("Warning", "FailedKillPod", f"error killing pod: {failed}")
            await services.context.sleep(services.context.random.uniform(1, 1.5))
            return False
        case.record("pod.sandbox", reason="SandboxRemoved", sandbox=sandbox.id)
        return True
