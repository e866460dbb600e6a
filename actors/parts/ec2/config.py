"""The parts of a VPC's config that are EC2's: instances, and how long requests take."""

from pydantic import Field

from actors.parts.config_fields import Part
from actors.units import MILLISECOND, SECOND, Duration


class InstanceConfig(Part):
    """An EC2 instance, by the port of the VPC that it is at; its zone is that of its first network interface."""

    instance_id: str = Field(pattern="^i-[0-9a-f]+$", description="its id, as the instance itself has it")
    instance_type: str = Field(description="says how many interfaces and addresses it may have")


class ControlPlane(Part):
    """How long EC2 takes for a request.

    AWS publishes no figures. AssignPrivateIpAddresses: 510 ms is a sample (amazon-vpc-cni-k8s#3480); a new interface is
    usable after up to 10 s (its docs/eni-and-ip-target.md). The others are chosen to go with these."""

    create_network_interface: Duration = Field(
        default=600 * MILLISECOND, description="CreateNetworkInterface"
    )
    attach_network_interface: Duration = Field(
        default=2 * SECOND, description="AttachNetworkInterface, until the instance has it"
    )
    detach_network_interface: Duration = Field(
        default=2 * SECOND, description="DetachNetworkInterface, until the interface is available again"
    )
    delete_network_interface: Duration = Field(
        default=300 * MILLISECOND, description="DeleteNetworkInterface"
    )
    modify_network_interface_attribute: Duration = Field(
        default=200 * MILLISECOND, description="ModifyNetworkInterfaceAttribute"
    )
    assign_private_ip_addresses: Duration = Field(
        default=510 * MILLISECOND, description="AssignPrivateIpAddresses, for addresses and for prefixes"
    )
    unassign_private_ip_addresses: Duration = Field(
        default=510 * MILLISECOND, description="UnassignPrivateIpAddresses"
    )
    describe: Duration = Field(
        default=100 * MILLISECOND, description="DescribeNetworkInterfaces, DescribeSubnets"
    )
