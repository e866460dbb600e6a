"""The Node object of an EKS worker: its labels, what it can take, and how it is. Sans-IO."""

from typing import NamedTuple

from actors.protocols.instance_types import LIMITS, SIZES, architecture_of
from actors.protocols.kubelet.admission import Room
from actors.protocols.kubelet.containers import Object

KUBELET_VERSION = "v1.32.9-eks-113cf36"
RUNTIME_VERSION = "containerd://1.7.27"
OS_IMAGE = "Amazon Linux 2023.8.20250915"
KERNEL_VERSION = "6.1.150-174.273.amzn2023"
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
EVICTION_HARD_BYTES = 100 << 20
"""memory.available<100Mi."""
KUBELET_PORT = 10250

CNI_NOT_READY = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin "
    "returns error: cni plugin not initialized"
)

_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


class Instance(NamedTuple):
    """The EC2 instance that a node is."""

    name: str
    instance_type: str
    availability_zone: str
    instance_id: str
    address: str
    max_pods: int
    kube_reserved_cpu: int | None = None
    """Thousandths of a CPU; None is EKS's own formula, as for memory (bytes)."""
    kube_reserved_memory: int | None = None
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def region(self) -> str:
        return self.availability_zone[:-1]


def default_max_pods(instance_type: str) -> int:
    """As many as have addresses, and the two of the host's own network."""
    return LIMITS[instance_type].max_pods


def reserved_cpu(vcpus: int) -> int:
    """EKS's kubeReserved: 6 % of the first CPU, 1 % of the second, 0.5 % of two more, 0.25 % of all others."""
    shares = [60, 10, 5, 5]
    return round(sum(shares[:vcpus]) + max(vcpus - 4, 0) * 2.5)


def reserved_memory(max_pods: int) -> int:
    """EKS's kubeReserved: 255 MiB and 11 for each pod."""
    return (255 + 11 * max_pods) << 20


def capacity(instance: Instance) -> Room:
    size = SIZES[instance.instance_type]
    return Room(instance.max_pods, 1000 * size.vcpus, size.memory_bytes)


def allocatable(instance: Instance) -> Room:
    """What is left for pods."""
    whole, size = capacity(instance), SIZES[instance.instance_type]
    cpu, memory = instance.kube_reserved_cpu, instance.kube_reserved_memory
    cpu = reserved_cpu(size.vcpus) if cpu is None else cpu
    memory = reserved_memory(instance.max_pods) if memory is None else memory
    return Room(whole.pods, max(whole.cpu - cpu, 0), max(whole.memory - memory - EVICTION_HARD_BYTES, 0))


def labels_of(instance: Instance) -> dict[str, str]:
    arch = architecture_of(instance.instance_type)
    return {
        "beta.kubernetes.io/arch": arch,
        "beta.kubernetes.io/instance-type": instance.instance_type,
        "beta.kubernetes.io/os": "linux",
        "failure-domain.beta.kubernetes.io/region": instance.region,
        "failure-domain.beta.kubernetes.io/zone": instance.availability_zone,
        "kubernetes.io/arch": arch,
        "kubernetes.io/hostname": instance.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": instance.instance_type,
        "topology.kubernetes.io/region": instance.region,
        "topology.kubernetes.io/zone": instance.availability_zone,
        **dict(instance.labels),
    }


def node(instance: Instance) -> Object:
    """The object that the kubelet registers, without its status."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": instance.name,
            "labels": labels_of(instance),
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {"providerID": f"aws:///{instance.availability_zone}/{instance.instance_id}"},
    }


def status(instance: Instance, boot_id: str, machine_id: str, images: list[Object]) -> Object:
    """`status` but for the conditions."""
    private_name = f"ip-{instance.address.replace('.', '-')}.{instance.region}.compute.internal"
    return {
        "addresses": [
            {"type": "InternalIP", "address": instance.address},
            {"type": "InternalDNS", "address": private_name},
            {"type": "Hostname", "address": instance.name},
        ],
        "capacity": _resources(capacity(instance)),
        "allocatable": _resources(allocatable(instance)),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
        "images": images,
        "nodeInfo": {
            "machineID": machine_id.replace("-", ""),
            "systemUUID": machine_id,
            "bootID": boot_id,
            "kernelVersion": f"{KERNEL_VERSION}.{_MACHINES[architecture_of(instance.instance_type)]}",
            "osImage": OS_IMAGE,
            "containerRuntimeVersion": RUNTIME_VERSION,
            "kubeletVersion": KUBELET_VERSION,
            "kubeProxyVersion": KUBELET_VERSION,
            "operatingSystem": "linux",
            "architecture": architecture_of(instance.instance_type),
        },
    }


def _resources(room: Room) -> dict[str, str]:
    cpu = f"{room.cpu // 1000}" if room.cpu % 1000 == 0 else f"{room.cpu}m"
    return {"cpu": cpu, "memory": f"{room.memory >> 10}Ki", "pods": str(room.pods)}


def conditions(not_ready: str | None) -> list[Object]:
    """The node's conditions; `not_ready` says why it is not ready."""
    found = [
        {"type": kind, "status": "False", "reason": reason, "message": message}
        for kind, reason, message in _PRESSURES
    ]
    ready = ("True", "KubeletReady", "kubelet is posting ready status")
    if not_ready is not None:
        ready = ("False", "KubeletNotReady", not_ready)
    return [*found, dict(zip(("type", "status", "reason", "message"), ("Ready", *ready), strict=True))]


def lease(name: str, now: str, duration_s: int, owner_uid: str) -> Object:
    """The node's Lease; `now` is a MicroTime."""
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner_uid}
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]},
        "spec": {"holderIdentity": name, "leaseDurationSeconds": duration_s, "renewTime": now},
    }
