"""An EKS worker node: an EC2 instance with its kernel, and the kubelet that runs pods on it.

How this works. A fresh node asks the VPC which network interfaces it has, and plugs them into its kernel
(`parts/node_kernel.py`). kube-proxy (`parts/kube_proxy.py`) keeps the kernel's Services. The kubelet (`parts/kubelet`)
registers the node with the API server, follows the pods that are bound to it, and makes each a sandbox: a process of
its own on the end of a cable, which the CNI plugin turns into a veth pair by writing link, route and rule into the
kernel. A node that was killed has lost its kernel's state and all of its pods' processes; its kubelet finds out from
the API what ought to run, and makes new sandboxes.
"""

from collections.abc import Callable
from typing import Any

from pydantic import Field, model_validator

from actors.element import CallFailed, Context, Element, ElementConfig, ElementName, FolderName
from actors.parts.config_fields import fault, unknown
from actors.parts.kube_proxy import USER, KubeProxy
from actors.parts.kubelet.config import DEFAULT_IMAGES, ImageConfig, Images
from actors.parts.kubelet.kubelet import Kubelet
from actors.parts.kubelet.runtime import POD_KIND
from actors.parts.kubernetes.client import KubeClient
from actors.parts.kubernetes.events import EventRecorder
from actors.parts.node_kernel import ENI_PORT, AttachedInterface, NodeKernel
from actors.parts.tools import Tools
from actors.protocols.instance_types import LIMITS
from actors.protocols.kubelet.node_object import Instance, default_max_pods
from actors.protocols.netlink import NetlinkError
from actors.stack.sysctls import Sysctls
from actors.units import SECOND, Duration

FIRST_RETRY_S, LAST_RETRY_S = 0.02, 2.0


class Config(ElementConfig):
    """An EC2 instance in an EKS cluster."""

    instance_type: str = Field(
        description="EC2 instance type; says how many network interfaces, pods, CPUs and how much memory it has"
    )
    availability_zone: str = Field(
        pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$", description="where it runs; its ENIs' subnets lie there"
    )
    instance_id: str = Field(pattern=r"^i-[0-9a-f]+$", description="its id, as the VPC knows it")
    cni: ElementName = Field(description="the CNI agent of this node")
    vpc: ElementName = Field(
        default=ElementName("vpc"), description="the VPC that its network interfaces are in"
    )
    kube_api: ElementName = Field(
        default=ElementName("kube-api"), description="the API server that the kubelet follows"
    )
    labels: dict[str, str] = Field(default={}, description="further labels of the Node")
    images: Images = Field(
        default={name: ImageConfig.model_validate(each) for name, each in DEFAULT_IMAGES.items()},
        description="the images that there are, by repository (nginx for nginx:1.27)",
    )
    apps: FolderName | None = Field(
        default=None,
        description="the folder that apps of one's own (image: asyncio://module:app) are imported from, before the "
        "working directory and PYTHONPATH",
    )
    max_pods: int | None = Field(
        default=None,
        ge=1,
        description="the kubelet's maxPods; as many as the ENIs have addresses for, plus 2",
    )
    kube_reserved_cpu: int | None = Field(
        default=None, ge=0, description="thousandths of a CPU that pods do not get; EKS's formula unless told"
    )
    kube_reserved_memory: int | None = Field(
        default=None, ge=0, description="MiB that pods do not get; EKS's formula unless told"
    )
    node_status_update_frequency: Duration = Field(
        default=10 * SECOND, gt=0, description="how often the kubelet looks at its node's status"
    )
    node_lease_duration_seconds: int = Field(
        default=40,
        ge=4,
        description="how long the node's Lease is good for; it is renewed four times as often",
    )
    conntrack_max: int = Field(
        default=131_072, gt=0, description="connections that the kernel tracks at most"
    )
    sysctls: Sysctls = Field(
        default=Sysctls(), description="TCP of the node and of its pods, by the names of Linux's net.ipv4"
    )

    @model_validator(mode="after")
    def _check(self) -> "Config":
        if self.instance_type not in LIMITS:
            raise fault(
                ("instance_type",), unknown("instance type", self.instance_type, LIMITS), self.instance_type
            )
        return self

    def port_names(self) -> list[str]:
        return [ENI_PORT]


class EksNode(Tools, Element):
    """A node's kernel and kubelet."""

    config: Config
    launches = (POD_KIND,)

    def __init__(self, config: Config, context: Context) -> None:
        super().__init__(config, context)
        self.kernel = NodeKernel(context, conntrack_max=config.conntrack_max, tcp=config.sysctls.settings())
        self.stack = self.kernel.stack
        client = KubeClient(context, config.kube_api, f"system:node:{context.name}")
        self.kubelet = Kubelet(
            context,
            self.kernel,
            self._instance(),
            client,
            EventRecorder(context, client, "kubelet", context.name),
            cni=config.cni,
            images=config.images,
            apps=config.apps,
            sysctls=config.sysctls.model_dump(mode="json", exclude_defaults=True),
            status_every_s=config.node_status_update_frequency / SECOND,
            lease_s=config.node_lease_duration_seconds,
        )

        self.kube_proxy = KubeProxy(
            context, KubeClient(context, config.kube_api, USER), context.name, self.kernel.write_services
        )
        self.kubelet.services.cluster_services = self.kube_proxy.services

    def _instance(self) -> Instance:
        config = self.config
        memory = config.kube_reserved_memory
        return Instance(
            self.context.name,
            config.instance_type,
            config.availability_zone,
            config.instance_id,
            "",
            config.max_pods or default_max_pods(config.instance_type),
            config.kube_reserved_cpu,
            None if memory is None else memory << 20,
            tuple(sorted(config.labels.items())),
        )

    # ---- life ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        self.context.spawn(self._boot(), "boot")

    async def _boot(self) -> None:
        """Find the network interfaces, then start the kubelet."""
        wait_s = FIRST_RETRY_S
        while True:
            try:
                told = await self.context.call(
                    self.config.vpc, "describe_instance", instance_id=self.config.instance_id
                )
                for each in told["network_interfaces"]:
                    self.kernel.attach_interface(AttachedInterface(**each))
                address = self.kernel.primary.own_address
            except (CallFailed, LookupError, ValueError):
                await self.context.sleep(wait_s)
                wait_s = min(2 * wait_s, LAST_RETRY_S)
            else:
                break
        self.context.event("node.boot", instance=self.config.instance_id, address=address)
        self.kubelet.start(address)
        self.kube_proxy.start()

    def on_frame(self, port: str, frame: bytes) -> None:
        self.kernel.on_frame(port, frame)

    def receiver(self) -> Callable[[str, bytes], None]:
        return self.kernel.on_frame

    def on_link(self, port: str, up: bool) -> None:
        self.kernel.on_link(port, up)

    def on_exit(self, name: str, status: int) -> None:
        self.kubelet.on_exit(name)

    # ---- the kernel's calls --------------------------------------------------------------------------------

    async def call_netlink(self, changes: list[dict[str, Any]]) -> int:
        """Apply changes (see `protocols.netlink`) in their order; how many there were.

        The first that is refused ends it with an error that says which and why; those before it stay."""
        try:
            return self.kernel.netlink(changes)
        except NetlinkError as error:
            raise CallFailed(f"{self.context.name}: {error}") from None

    async def call_network_state(self) -> dict[str, Any]:
        """What the CNI agent must know: the boot, the ENIs, the namespaces, and what is written in the kernel."""
        return self.kernel.network_state()

    async def call_attach_interface(self, id: str, device: int, address: str, gateway: str) -> None:
        """The VPC plugs an ENI in; `address` is its primary one with the subnet's prefix."""
        try:
            self.kernel.attach_interface(AttachedInterface(id, device, address, gateway))
        except ValueError as error:
            raise CallFailed(f"{self.context.name}: {error}") from None

    async def call_detach_interface(self, id: str) -> None:
        """The VPC pulls an ENI out."""
        self.kernel.detach_interface(id)

    # ---- the kubelet's calls -------------------------------------------------------------------------------

    async def call_container_exited(
        self, pod: str, container: str, container_id: str, exit_code: int
    ) -> None:
        """A container's program has ended: its pod's process says so."""
        self.kubelet.container_exited(pod, container, container_id, exit_code)

    async def call_container_logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        previous: bool = False,
        tail_lines: int | None = None,
        since_seconds: int | None = None,
        since_time: str | None = None,
        limit_bytes: int | None = None,
        timestamps: bool = False,
    ) -> str:
        """What `kubectl logs` shows; fails as the kubelet words it."""
        return await self.kubelet.container_logs(
            namespace,
            pod,
            container,
            previous=previous,
            tail_lines=tail_lines,
            since_seconds=since_seconds,
            since_time=since_time,
            limit_bytes=limit_bytes,
            timestamps=timestamps,
        )

    async def call_node_status(self) -> dict[str, Any]:
        """The Node as the kubelet last wrote it."""
        return self.kubelet.registration.node or {}

    async def call_settled(self) -> bool:
        """Whether the node is ready and all pods bound to it are as they ought to be."""
        return self.kubelet.settled

    def inspect(self) -> dict[str, Any]:
        return {
            "instance_id": self.config.instance_id,
            "instance_type": self.config.instance_type,
            "availability_zone": self.config.availability_zone,
            "ready": self.kubelet.registration.ready,
            "pods": {worker.name: worker.inspect() for worker in self.kubelet.workers.values()},
            **self.kernel.inspect(),
        }
