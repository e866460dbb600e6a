"""An ALB node's config: where it stands, and who tells it what to do."""

from collections.abc import Iterable

from pydantic import Field

from actors.element import ElementConfig, ElementName
from actors.stack.sysctls import Sysctls


class AlbConfig(ElementConfig):
    """A node that Elastic Load Balancing has in stock, in one availability zone.

    Which load balancer it serves, under which address and how: aws-api tells it while the world runs."""

    availability_zone: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$", description="such as eu-west-1a")
    aws_api: ElementName = Field(
        default=ElementName("aws-api"),
        description="AWS's control plane, which makes it part of a load balancer",
    )

    waf: ElementName | None = Field(
        default=None,
        description="an element of kind aws_waf, asked about requests of load balancers that have a web ACL",
    )

    sysctls: Sysctls = Field(default=Sysctls(), description="its TCP, by the names of Linux's net.ipv4")

    @property
    def region(self) -> str:
        return self.availability_zone[:-1]

    def port_names(self) -> Iterable[str]:
        return ("eth0",)
