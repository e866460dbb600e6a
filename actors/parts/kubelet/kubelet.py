"""The kubelet of one node: follows the pods that are bound to it, and has a worker for each."""

from typing import Any

from actors.element import CallFailed, Context
from actors.parts.kubelet import logs
from actors.parts.kubelet.config import ImageConfig
from actors.parts.kubelet.images import Images
from actors.parts.kubelet.pod_worker import PodWorker
from actors.parts.kubelet.registration import Registration
from actors.parts.kubelet.runtime import Runtime
from actors.parts.kubelet.services import Services
from actors.parts.kubernetes.client import KubeClient
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.kubernetes.informer import Informer
from actors.parts.node_kernel import NodeKernel
from actors.protocols.kubelet.admission import admit
from actors.protocols.kubelet.containers import Object
from actors.protocols.kubelet.node_object import Instance, allocatable


class Kubelet:
    """Registers the node, and runs its pods."""

    def __init__(
        self,
        context: Context,
        kernel: NodeKernel,
        instance: Instance,
        client: KubeClient,
        events: EventRecorder,
        *,
        cni: str,
        images: dict[str, ImageConfig],
        apps: str | None,
        sysctls: dict[str, Any],
        status_every_s: float,
        lease_s: int,
    ) -> None:
        runtime = Runtime(context, kernel, cni, sysctls)
        self.services = Services(context, kernel, runtime, Images(context, images, apps), client, events)
        self.workers: dict[str, PodWorker] = {}
        self._instance = instance
        self._room = allocatable(instance)
        self._labels: dict[str, str] = {}
        self._new: list[Object] = []
        self.registration = Registration(
            self.services, instance, status_every_s=status_every_s, lease_s=lease_s
        )
        selector = f"spec.nodeName={instance.name}"
        self.informer = Informer(context, client, "Pod", self._pod_changed, field_selector=selector)
        counter = context.metrics.counter
        self._started = counter("journey_kubelet_started_pods_total", node=instance.name)
        self._running = context.metrics.gauge("journey_kubelet_running_pods", node=instance.name)

    def start(self, address: str) -> None:
        """Begin; `address` is the node's own."""
        self.services.host_ip = address
        self.registration.start()
        self.informer.start()

    # ---- pods ----------------------------------------------------------------------------------------------

    def _pod_changed(self, before: Object | None, now: Object | None) -> None:
        if before is not None and (now is None or now["metadata"]["uid"] != before["metadata"]["uid"]):
            self._gone(before)
        if now is None:
            return
        worker = self.workers.get(now["metadata"]["uid"])
        if worker is not None:
            worker.update(now)
        elif not self._new:
            self._new.append(now)
            context = self.services.context
            context.call_at(context.now_ns(), self._take_new)
        else:
            self._new = [each for each in self._new if each["metadata"]["uid"] != now["metadata"]["uid"]]
            self._new.append(now)

    def _gone(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        self._new = [each for each in self._new if each["metadata"]["uid"] != uid]
        if (worker := self.workers.get(uid)) is not None:
            worker.remove()

    def _take_new(self) -> None:
        """Take pods in the order in which they were made, those first that ran here before."""
        found, self._new = self._new, []
        for pod in sorted(found, key=_age):
            self._take(pod)

    def _take(self, pod: Object) -> None:
        metadata = pod["metadata"]
        same_name = (metadata["namespace"], metadata["name"])
        previous = None
        for worker in self.workers.values():
            if (worker.machine.namespace, worker.machine.name) == same_name:
                previous = worker
        worker = PodWorker(self.services, pod, previous)
        others = [each.case.pod for each in self.workers.values() if each.active and each is not previous]
        refused = None
        if worker.active and "deletionTimestamp" not in metadata:
            node = self.registration.node or {}
            labels = node.get("metadata", {}).get("labels") or dict(self._instance.labels)
            refused = admit(pod, labels, self._room, others)
        self.workers[worker.uid] = worker
        self._started.value += 1
        self.services.context.spawn(self._work(worker, refused), f"pod {worker.name}")
        worker.update(pod)

    async def _work(self, worker: PodWorker, refused: Any) -> None:
        self._running.value += 1
        try:
            await worker.run(refused)
        finally:
            self._running.value -= 1
            self.workers.pop(worker.uid, None)

    # ---- what pods' processes and others tell ---------------------------------------------------------------

    def on_exit(self, process: str) -> None:
        """A pod's process has ended."""
        self.services.runtime.on_exit(process)
        for worker in list(self.workers.values()):
            sandbox = worker.machine.sandbox
            if sandbox is not None and sandbox.process == process:
                worker.sandbox_exited()

    def container_exited(self, pod: str, container: str, container_id: str, exit_code: int) -> None:
        for worker in list(self.workers.values()):
            if worker.name == pod:
                worker.container_exited(container, container_id, exit_code)

    async def container_logs(self, namespace: str, pod: str, container: str | None, **options: Any) -> str:
        """What `kubectl logs` shows. Raises `CallFailed` as the kubelet words it."""
        workers = [each for each in self.workers.values() if each.name == f"{namespace}/{pod}"]
        if not workers:
            raise CallFailed(f'pod "{pod}" not found on {self.services.context.name}')
        return await logs.read(self.services, workers[-1], container, **options)

    @property
    def settled(self) -> bool:
        """The node is ready, and all its pods run and are ready, or have ended."""
        return (
            self.registration.ready
            and self.informer.synced
            and not self._new
            and all(worker.settled for worker in self.workers.values())
        )


def _age(pod: Object) -> tuple[bool, str, str]:
    metadata = pod["metadata"]
    return ("startTime" not in pod.get("status", {}), metadata.get("creationTimestamp", ""), metadata["name"])
