"""EC2's operations on Elastic IP addresses."""

from collections.abc import Mapping

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.operation import Operation, Output, Parameters, changing, looking, one_of
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2.addresses import PublicAddress
from actors.protocols.ec2.documents import address_document
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.tags import specified

FILTERS = {
    "allocation-id": "AllocationId",
    "association-id": "AssociationId",
    "instance-id": "InstanceId",
    "network-border-group": "NetworkBorderGroup",
    "network-interface-id": "NetworkInterfaceId",
    "network-interface-owner-id": "NetworkInterfaceOwnerId",
    "private-ip-address": "PrivateIpAddress",
    "public-ip": "PublicIp",
}


class AddressOperations:
    """Allocate, associate, disassociate, release, describe."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state, self._addresses = core, core.state, core.state.addresses

    def operations(self) -> Mapping[str, Operation]:
        return {
            "AllocateAddress": changing(
                self._allocate, "Domain", "Address", "PublicIpv4Pool", "NetworkBorderGroup", "TagSpecifications"
            ),
            "AssociateAddress": changing(
                self._associate, "AllocationId", "PublicIp", "InstanceId", "NetworkInterfaceId",
                "PrivateIpAddress", "AllowReassociation",
            ),
            "DisassociateAddress": changing(self._disassociate, "AssociationId", "PublicIp"),
            "ReleaseAddress": changing(self._release, "AllocationId", "PublicIp", "NetworkBorderGroup"),
            "DescribeAddresses": looking(self._describe, "AllocationIds", "PublicIps", "Filters"),
        }  # fmt: skip

    def _allocate(self, parameters: Parameters) -> Output:
        if (pool := parameters.get("PublicIpv4Pool", "amazon")) != "amazon":
            raise AwsError("InvalidPublicIpv4PoolID.NotFound", f"The pool ID '{pool}' does not exist")
        if (domain := parameters.get("Domain", "vpc")) != "vpc":
            raise AwsError("InvalidParameterValue", f"Value ({domain}) for parameter domain is invalid.")
        self._check_border_group(parameters)
        tags = specified(parameters.get("TagSpecifications", ()), "elastic-ip")
        own_tags = self._state.tags.with_these("", tags)
        address = self._addresses.allocate(parameters.get("Address"))
        self._core.keep_tags(address.id, own_tags)
        self._core.keep_address(address)
        return {
            "AllocationId": address.id,
            "PublicIp": address.public_ip,
            "PublicIpv4Pool": "amazon",
            "NetworkBorderGroup": self._state.region,
            "Domain": "vpc",
        }

    def _check_border_group(self, parameters: Parameters) -> None:
        group = parameters.get("NetworkBorderGroup") or self._state.region
        if group != self._state.region:
            raise AwsError(
                "InvalidParameterValue", f"Value ({group}) for parameter networkBorderGroup is invalid."
            )

    def _named(self, parameters: Parameters) -> PublicAddress:
        """The address that a request names, by its id or by itself."""
        name = one_of(parameters, "AllocationId", "PublicIp")
        find = self._addresses.known if name == "AllocationId" else self._addresses.by_public_ip
        return find(parameters[name])

    def _associate(self, parameters: Parameters) -> Output:
        address = self._named(parameters)
        private = self._private(parameters)
        again = parameters.get("AllowReassociation", True) is not False
        for each in self._addresses.associate(address, private, again=again):
            self._core.keep_address(each)
        return {"AssociationId": self._addresses.known(address.id).association}

    def _private(self, parameters: Parameters) -> str:
        """The private address that is meant: of an interface, or of an instance's primary one."""
        interfaces = self._state.interfaces
        if one_of(parameters, "InstanceId", "NetworkInterfaceId") == "InstanceId":
            instance = interfaces.instance(parameters["InstanceId"])
            interface = interfaces.of_instance(instance.id)[0]
        else:
            interface = interfaces.known(parameters["NetworkInterfaceId"])
        if interface.requester is not None:
            raise AwsError("AuthFailure", "You do not have permission to access the specified resource.", 403)
        if self._state.vpc_of(interface.id).internet_gateway is None:
            vpc = self._state.vpc_of(interface.id).id
            raise AwsError("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway")
        private = parameters.get("PrivateIpAddress") or interface.addresses[0]
        if private not in interface.addresses:
            raise AwsError(
                "InvalidParameterValue",
                f"Private IP address {private} is not assigned to interface {interface.id}",
            )
        return str(private)

    def _disassociate(self, parameters: Parameters) -> Output:
        name = one_of(parameters, "AssociationId", "PublicIp")
        find = self._addresses.associated if name == "AssociationId" else self._addresses.by_public_ip
        self._core.keep_address(self._addresses.disassociate(find(parameters[name])))
        return {}

    def _release(self, parameters: Parameters) -> Output:
        self._check_border_group(parameters)
        self._core.drop_address(self._addresses.release(self._named(parameters)))
        return {}

    def _describe(self, parameters: Parameters) -> Output:
        chosen = [self._addresses.known(each) for each in parameters.get("AllocationIds") or ()]
        chosen += [self._addresses.by_public_ip(each) for each in parameters.get("PublicIps") or ()]
        if not chosen:
            chosen = [each for each in self._addresses.by_id.values() if each.service is None]
        documents = [address_document(self._state, each) for each in chosen]
        return {"Addresses": filtered(documents, parameters.get("Filters") or (), FILTERS)}
