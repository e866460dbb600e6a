"""What an EC2 instance has: network interfaces and IPv4 addresses of each, processors and memory.

Source: aws/amazon-vpc-cni-k8s, pkg/vpc/vpc_ip_resource_limit.go; of instances with several network cards the default
card alone counts, as EKS uses no other.
"""

from typing import NamedTuple


class Limits(NamedTuple):
    """Interfaces, and IPv4 addresses of each."""

    interfaces: int
    addresses: int

    @property
    def max_pods(self) -> int:
        """Each interface keeps its primary address; two pods (aws-node, kube-proxy) need none of their own."""
        return self.interfaces * (self.addresses - 1) + 2


LIMITS = {
    "a1.medium": Limits(2, 4),
    "c5.18xlarge": Limits(15, 50),
    "c5.2xlarge": Limits(4, 15),
    "c5.4xlarge": Limits(8, 30),
    "c5.9xlarge": Limits(8, 30),
    "c5.large": Limits(3, 10),
    "c5.xlarge": Limits(4, 15),
    "c5n.large": Limits(3, 10),
    "c6g.medium": Limits(2, 4),
    "c6i.32xlarge": Limits(15, 50),
    "c6i.large": Limits(3, 10),
    "c7g.large": Limits(3, 10),
    "g4dn.xlarge": Limits(3, 10),
    "g5.xlarge": Limits(4, 15),
    "i3.large": Limits(3, 10),
    "i4i.large": Limits(3, 10),
    "inf1.xlarge": Limits(4, 10),
    "m4.4xlarge": Limits(8, 30),
    "m4.large": Limits(2, 10),
    "m5.12xlarge": Limits(8, 30),
    "m5.16xlarge": Limits(15, 50),
    "m5.24xlarge": Limits(15, 50),
    "m5.2xlarge": Limits(4, 15),
    "m5.4xlarge": Limits(8, 30),
    "m5.8xlarge": Limits(8, 30),
    "m5.large": Limits(3, 10),
    "m5.metal": Limits(15, 50),
    "m5.xlarge": Limits(4, 15),
    "m6g.large": Limits(3, 10),
    "m6g.medium": Limits(2, 4),
    "m6i.32xlarge": Limits(15, 50),
    "m6i.4xlarge": Limits(8, 30),
    "m6i.large": Limits(3, 10),
    "m7g.large": Limits(3, 10),
    "m7g.medium": Limits(2, 4),
    "m7i.large": Limits(3, 10),
    "m7i.xlarge": Limits(4, 15),
    "m8g.large": Limits(3, 10),
    "p3.2xlarge": Limits(4, 15),
    "p3dn.24xlarge": Limits(15, 50),
    "p4d.24xlarge": Limits(15, 50),
    "p5.48xlarge": Limits(2, 50),
    "r5.24xlarge": Limits(15, 50),
    "r5.4xlarge": Limits(8, 30),
    "r5.large": Limits(3, 10),
    "r5.xlarge": Limits(4, 15),
    "t2.large": Limits(3, 12),
    "t2.medium": Limits(3, 6),
    "t2.micro": Limits(2, 2),
    "t2.small": Limits(3, 4),
    "t3.2xlarge": Limits(4, 15),
    "t3.large": Limits(3, 12),
    "t3.medium": Limits(3, 6),
    "t3.micro": Limits(2, 2),
    "t3.nano": Limits(2, 2),
    "t3.small": Limits(3, 4),
    "t3.xlarge": Limits(4, 15),
    "t4g.large": Limits(3, 12),
    "t4g.medium": Limits(3, 6),
    "t4g.nano": Limits(2, 2),
    "t4g.small": Limits(3, 4),
    "x1.16xlarge": Limits(8, 30),
}


class Size(NamedTuple):
    """Processors, and memory in MiB."""

    vcpus: int
    memory_mib: int

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib << 20


ARM_FAMILIES = ("a1", "c6g", "c7g", "m6g", "m7g", "m8g", "t4g")


def architecture_of(instance_type: str) -> str:
    """`amd64` or `arm64`."""
    return "arm64" if instance_type.partition(".")[0] in ARM_FAMILIES else "amd64"


_SIZES = """
a1.medium 1 2, c5.18xlarge 72 144, c5.2xlarge 8 16, c5.4xlarge 16 32, c5.9xlarge 36 72, c5.large 2 4, c5.xlarge 4 8,
c5n.large 2 5.25, c6g.medium 1 2, c6i.32xlarge 128 256, c6i.large 2 4, c7g.large 2 4, g4dn.xlarge 4 16, g5.xlarge 4 16,
i3.large 2 15.25, i4i.large 2 16, inf1.xlarge 4 8, m4.4xlarge 16 64, m4.large 2 8, m5.12xlarge 48 192,
m5.16xlarge 64 256, m5.24xlarge 96 384, m5.2xlarge 8 32, m5.4xlarge 16 64, m5.8xlarge 32 128, m5.large 2 8,
m5.metal 96 384, m5.xlarge 4 16, m6g.large 2 8, m6g.medium 1 4, m6i.32xlarge 128 512, m6i.4xlarge 16 64, m6i.large 2 8,
m7g.large 2 8, m7g.medium 1 4, m7i.large 2 8, m7i.xlarge 4 16, m8g.large 2 8, p3.2xlarge 8 61, p3dn.24xlarge 96 768,
p4d.24xlarge 96 1152, p5.48xlarge 192 2048, r5.24xlarge 96 768, r5.4xlarge 16 128, r5.large 2 16, r5.xlarge 4 32,
t2.large 2 8, t2.medium 2 4, t2.micro 1 1, t2.small 1 2, t3.2xlarge 8 32, t3.large 2 8, t3.medium 2 4, t3.micro 2 1,
t3.nano 2 0.5, t3.small 2 2, t3.xlarge 4 16, t4g.large 2 8, t4g.medium 2 4, t4g.nano 2 0.5, t4g.small 2 2,
x1.16xlarge 64 976
"""
"""vCPUs and GiB, from EC2's list of instance types."""

SIZES = {
    name: Size(int(vcpus), round(float(gib) * 1024))
    for name, vcpus, gib in (each.split() for each in _SIZES.replace("\n", " ").split(","))
}

_XEN = ("t2.", "m4.", "x1.", "i3.large", "p3.2xlarge")


def has_prefix_delegation(instance_type: str) -> bool:
    """Whether its ENIs take /28 prefixes: instances on Nitro do, those on Xen do not."""
    return not instance_type.startswith(_XEN)
