"""How many network interfaces an EC2 instance takes, and how many IPv4 addresses each of them.

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
