"""Starting a container: its image first, as its pull policy says, then the program."""

import asyncio
from collections.abc import Callable

from actors.bounds import POD_START_S
from actors.parts.kubelet.config import ImageConfig
from actors.parts.kubelet.images import SIZE_BYTES
from actors.parts.kubelet.services import Services
from actors.protocols.kubelet import images as references
from actors.protocols.kubelet.commands import START_ERROR
from actors.protocols.kubelet.containers import Container, Object, Waiting
from actors.protocols.kubelet.environment import app_place, environment, expanded, service_links
from actors.protocols.kubelet.images import Reference
from actors.protocols.kubelet.pod import PodMachine, Sandbox
from actors.protocols.kubelet.texts import go_duration
from actors.units import SECOND

NEVER_NS = 1 << 62
SERVICES_S = 0.01
"""How soon it is looked again whether Services have been read."""
SHOWN_NS = SECOND
"""How long a failed pull is told as such before it becomes a back-off."""


def log_folder(machine: PodMachine) -> str:
    """Where a pod's logs are, in the run directory."""
    return f"logs/pods/{machine.namespace}_{machine.name}_{machine.uid}"


def log_path(machine: PodMachine, container: str, restart: int) -> str:
    """Where a container's log is, in the run directory."""
    return f"{log_folder(machine)}/{container}/{restart}.log"


class Starter:
    """Starts the containers of one pod."""

    def __init__(
        self,
        services: Services,
        machine: PodMachine,
        changed: Callable[[], None],
        started: Callable[[Container], None],
    ) -> None:
        """`changed()` when there is something new for the status, `started(container)` when its program runs."""
        self._services, self._machine = services, machine
        self._changed, self._on_started = changed, started
        self._errors: dict[str, str] = {}

    async def start(
        self, pod: Object, container: Container, sandbox: Sandbox, stop: asyncio.Event
    ) -> int | None:
        """Start it; returns None, or when to try again if that was not to be done now (model time).

        Gives up when `stop` is set."""
        try:
            reference = references.parse(container.spec["image"])
        except ValueError as error:
            message = f'Failed to apply default image tag "{container.spec["image"]}": {error}'
            self._fail(pod, container, "InspectFailed", Waiting("InvalidImageName", message))
            return NEVER_NS
        image = await self._have(pod, container, reference, stop)
        if not isinstance(image, ImageConfig):
            return image
        if stop.is_set():
            return None
        container.image, container.image_id = reference.name, reference.image_id
        await self._create(pod, container, image, sandbox)
        return None

    # ---- images --------------------------------------------------------------------------------------------

    async def _have(
        self, pod: Object, container: Container, reference: Reference, stop: asyncio.Event
    ) -> ImageConfig | int | None:
        """The image, or when to try again."""
        services, name = self._services, container.spec["image"]
        policy = container.spec.get("imagePullPolicy") or reference.default_policy
        present = services.images.is_present(reference)
        if present and policy != "Always":
            message = f'Container image "{name}" already present on machine'
            services.pod_event(pod, "Normal", "Pulled", message, container)
            return services.images.find(reference)
        if policy == "Never":
            message = f'Container image "{name}" is not present with pull policy of Never'
            self._fail(pod, container, "ErrImageNeverPull", Waiting("ErrImageNeverPull", message))
            return NEVER_NS
        return await self._pull(pod, container, reference, stop)

    async def _pull(
        self, pod: Object, container: Container, reference: Reference, stop: asyncio.Event
    ) -> ImageConfig | int | None:
        services, name = self._services, container.spec["image"]
        key = f"{self._machine.uid}/{name}"
        again_ns = services.images.backoff.again_ns(key)
        if again_ns > services.now_ns():
            self._back_off(pod, container, name)
            return again_ns
        services.pod_event(pod, "Normal", "Pulling", f'Pulling image "{name}"', container)
        plan = services.images.plan(reference)
        if await services.pause(plan.seconds, stop):
            return None
        now_ns = services.now_ns()
        if plan.image is None:
            error = references.not_found(reference)
            services.images.backoff.next(key, now_ns, now_ns)
            self._errors[container.name] = error
            services.pod_event(pod, "Warning", "Failed", f'Failed to pull image "{name}": {error}', container)
            services.pod_event(pod, "Warning", "Failed", "Error: ErrImagePull", container)
            container.wait(Waiting("ErrImagePull", error))
            self._changed()
            return now_ns + SHOWN_NS
        services.images.add(reference)
        services.context.metrics.histogram(
            "journey_kube_pod_start_duration_seconds", buckets=POD_START_S, phase="pull"
        ).observe(plan.seconds)
        took = go_duration(round(plan.seconds * SECOND))
        message = f'Successfully pulled image "{name}" in {took} ({took} including waiting)'
        size = f"Image size: {SIZE_BYTES} bytes."
        services.pod_event(pod, "Normal", "Pulled", f"{message}. {size}", container)
        return plan.image

    def _back_off(self, pod: Object, container: Container, name: str) -> None:
        message = f'Back-off pulling image "{name}"'
        self._services.pod_event(pod, "Normal", "BackOff", message, container)
        self._services.pod_event(pod, "Warning", "Failed", "Error: ImagePullBackOff", container)
        error = self._errors.get(container.name, "")
        container.wait(Waiting("ImagePullBackOff", f"{message}: ErrImagePull: {error}"))
        self._changed()

    def _fail(self, pod: Object, container: Container, reason: str, waiting: Waiting) -> None:
        self._services.pod_event(pod, "Warning", reason, waiting.message, container)
        self._services.pod_event(pod, "Warning", "Failed", f"Error: {waiting.reason}", container)
        container.wait(waiting)
        self._changed()

    # ---- the program ---------------------------------------------------------------------------------------

    async def _create(self, pod: Object, container: Container, image: ImageConfig, sandbox: Sandbox) -> None:
        services, machine = self._services, self._machine
        container_id = services.runtime.new_id(machine.uid, container.name)
        restart = container.restarts + 1 if container.begun else container.restarts
        variables = await self._variables(pod, container, sandbox)
        machine.starts(container, services.now_ns())
        services.pod_event(pod, "Normal", "Created", f"Created container: {container.name}", container)
        began_ns = services.now_ns()
        error = await services.runtime.start_container(
            sandbox,
            name=container.name,
            container_id=container_id,
            image=image.for_pod(),
            app=app_place(pod, container.spec, services.images.apps) if image.app is not None else None,
            command=[expanded(each, variables) for each in container.spec.get("command", ())],
            args=[expanded(each, variables) for each in container.spec.get("args", ())],
            env=variables,
            log_path=log_path(machine, container.name, restart),
        )
        if machine.sandbox is not sandbox:
            return  # its process has ended meanwhile
        if error is not None:
            services.pod_event(pod, "Warning", "Failed", f"Error: {error}", container)
            container.fail_to_start(container_id, START_ERROR, error, services.now_ns())
        else:
            self._started(pod, container, container_id, began_ns)
        self._changed()

    async def _variables(self, pod: Object, container: Container, sandbox: Sandbox) -> dict[str, str]:
        """The container's environment, which tells of Services once they have been read."""
        services, known = self._services, self._services.cluster_services()
        while known is None:
            await services.context.sleep(SERVICES_S)
            known = services.cluster_services()
        own = environment(pod, container.spec, services.host_ip, sandbox.address.partition("/")[0])
        return {**service_links(pod, known), **own}

    def _started(self, pod: Object, container: Container, container_id: str, began_ns: int) -> None:
        container.start(container_id, began_ns)
        self._services.pod_event(pod, "Normal", "Started", f"Started container {container.name}", container)
        metadata = pod["metadata"]
        name = f"{metadata['namespace']}/{metadata['name']}"
        self._services.context.event("pod.container", pod=name, container=container.name, what="started")
        self._on_started(container)
