"""EC2's operations that describe what cannot be changed here, and those on tags."""

from collections.abc import Callable, Mapping
from typing import Any

from actors.parts.aws_api.ec2.core import Ec2Core
from actors.parts.aws_api.ec2.operation import PAGED, Operation, Output, Parameters, changing, looking, wanted
from actors.protocols.aws.errors import AwsError
from actors.protocols.ec2 import inventory
from actors.protocols.ec2.filters import filtered
from actors.protocols.ec2.ids import not_found, resource_id
from actors.protocols.ec2.pages import page
from actors.protocols.ec2.tags import type_of
from actors.protocols.instance_types import LIMITS

VPC_FILTERS = {
    "cidr": "CidrBlock",
    "cidr-block-association.cidr-block": "CidrBlockAssociationSet.CidrBlock",
    "is-default": "IsDefault",
    "owner-id": "OwnerId",
    "state": "State",
    "vpc-id": "VpcId",
}
SUBNET_FILTERS = {
    "availability-zone": "AvailabilityZone",
    "availability-zone-id": "AvailabilityZoneId",
    "available-ip-address-count": "AvailableIpAddressCount",
    "cidr": "CidrBlock",
    "cidr-block": "CidrBlock",
    "default-for-az": "DefaultForAz",
    "map-public-ip-on-launch": "MapPublicIpOnLaunch",
    "owner-id": "OwnerId",
    "state": "State",
    "subnet-arn": "SubnetArn",
    "subnet-id": "SubnetId",
    "vpc-id": "VpcId",
}
ROUTE_TABLE_FILTERS = {
    "association.main": "Associations.Main",
    "association.route-table-association-id": "Associations.RouteTableAssociationId",
    "association.route-table-id": "Associations.RouteTableId",
    "association.subnet-id": "Associations.SubnetId",
    "owner-id": "OwnerId",
    "route-table-id": "RouteTableId",
    "route.destination-cidr-block": "Routes.DestinationCidrBlock",
    "route.gateway-id": "Routes.GatewayId",
    "vpc-id": "VpcId",
}
GATEWAY_FILTERS = {
    "attachment.state": "Attachments.State",
    "attachment.vpc-id": "Attachments.VpcId",
    "internet-gateway-id": "InternetGatewayId",
    "owner-id": "OwnerId",
}
ZONE_FILTERS = {
    "group-name": "GroupName",
    "region-name": "RegionName",
    "state": "State",
    "zone-id": "ZoneId",
    "zone-name": "ZoneName",
    "zone-type": "ZoneType",
    "opt-in-status": "OptInStatus",
}
TYPE_FILTERS = {
    "bare-metal": "BareMetal",
    "current-generation": "CurrentGeneration",
    "hypervisor": "Hypervisor",
    "instance-type": "InstanceType",
    "memory-info.size-in-mib": "MemoryInfo.SizeInMiB",
    "network-info.ipv4-addresses-per-interface": "NetworkInfo.Ipv4AddressesPerInterface",
    "network-info.maximum-network-interfaces": "NetworkInfo.MaximumNetworkInterfaces",
    "processor-info.supported-architecture": "ProcessorInfo.SupportedArchitectures",
    "vcpu-info.default-vcpus": "VCpuInfo.DefaultVCpus",
}
TAG_FILTERS = {"key": "Key", "resource-id": "ResourceId", "resource-type": "ResourceType", "value": "Value"}

Document = dict[str, Any]


class InventoryOperations:
    """VPCs, subnets, route tables, internet gateways, zones, types of instances; tags of everything."""

    def __init__(self, core: Ec2Core) -> None:
        self._core, self._state = core, core.state

    def operations(self) -> Mapping[str, Operation]:
        return {
            "DescribeVpcs": looking(self._vpcs, "VpcIds", *PAGED),
            "DescribeSubnets": looking(self._subnets, "SubnetIds", *PAGED),
            "DescribeRouteTables": looking(self._route_tables, "RouteTableIds", *PAGED),
            "DescribeInternetGateways": looking(self._gateways, "InternetGatewayIds", *PAGED),
            "DescribeAvailabilityZones": looking(
                self._zones, "ZoneNames", "ZoneIds", "AllAvailabilityZones", "Filters"
            ),
            "DescribeInstanceTypes": looking(
                self._types, "InstanceTypes", "IncludeUnsupportedInRegion", *PAGED
            ),
            "CreateTags": changing(self._create_tags, "Resources", "Tags"),
            "DeleteTags": changing(self._delete_tags, "Resources", "Tags"),
            "DescribeTags": looking(self._describe_tags, *PAGED),
        }

    def _found(
        self,
        parameters: Parameters,
        ids: str,
        documents: Mapping[str, Document],
        missing: Callable[[str], AwsError],
        filters: Mapping[str, str],
        key: str,
    ) -> tuple[list[Document], dict[str, str]]:
        """What a Describe operation finds, page by page. `ids` is the parameter that names resources."""

        def check(each: str) -> None:
            if each not in documents:
                raise missing(each)

        chosen = wanted(documents, parameters.get(ids), check)
        found = filtered([documents[each] for each in chosen], parameters.get("Filters") or (), filters)
        return page(found, key, parameters, ids)

    def _vpcs(self, parameters: Parameters) -> Output:
        documents = {each.id: inventory.vpc_document(self._state, each) for each in self._state.vpcs.values()}
        shown, more = self._found(
            parameters, "VpcIds", documents, lambda each: not_found("vpc", each), VPC_FILTERS, "VpcId"
        )
        return {"Vpcs": shown, **more}

    def _subnets(self, parameters: Parameters) -> Output:
        documents = {
            each: inventory.subnet_document(self._state, each) for each in self._state.interfaces.subnets
        }
        shown, more = self._found(
            parameters,
            "SubnetIds",
            documents,
            lambda each: not_found("subnet", each),
            SUBNET_FILTERS,
            "SubnetId",
        )
        return {"Subnets": shown, **more}

    def _route_tables(self, parameters: Parameters) -> Output:
        documents = {
            each.id: inventory.route_table_document(self._state, each)
            for each in self._state.route_tables.values()
        }
        shown, more = self._found(
            parameters,
            "RouteTableIds",
            documents,
            lambda each: not_found("rtb", each),
            ROUTE_TABLE_FILTERS,
            "RouteTableId",
        )
        return {"RouteTables": shown, **more}

    def _gateways(self, parameters: Parameters) -> Output:
        documents = {
            each.internet_gateway: inventory.internet_gateway_document(self._state, each)
            for each in self._state.vpcs.values()
            if each.internet_gateway
        }
        shown, more = self._found(
            parameters,
            "InternetGatewayIds",
            documents,
            lambda each: not_found("igw", each),
            GATEWAY_FILTERS,
            "InternetGatewayId",
        )
        return {"InternetGateways": shown, **more}

    def _zones(self, parameters: Parameters) -> Output:
        """Those that some subnet is in: there is nothing in the others."""
        names = sorted({place.availability_zone for place in self._state.interfaces.subnets.values()})
        documents = [inventory.zone_document(self._state, name) for name in names]
        for parameter, key in (("ZoneNames", "ZoneName"), ("ZoneIds", "ZoneId")):
            for asked in parameters.get(parameter) or ():
                if asked not in [each[key] for each in documents]:
                    raise AwsError("InvalidParameterValue", f"Invalid availability zone: [{asked}]")
            if parameters.get(parameter):
                documents = [each for each in documents if each[key] in parameters[parameter]]
        return {"AvailabilityZones": filtered(documents, parameters.get("Filters") or (), ZONE_FILTERS)}

    def _types(self, parameters: Parameters) -> Output:
        documents = {name: inventory.instance_type_document(name) for name in LIMITS}
        for name in parameters.get("InstanceTypes") or ():
            if name not in documents:
                raise AwsError(
                    "InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]"
                )
        shown, more = self._found(
            parameters,
            "InstanceTypes",
            documents,
            lambda each: not_found("i", each),
            TYPE_FILTERS,
            "InstanceType",
        )
        return {"InstanceTypes": shown, **more}

    # ---- tags ----------------------------------------------------------------------------------------------

    def _create_tags(self, parameters: Parameters) -> Output:
        changed = {}
        for resource in parameters["Resources"]:
            self._state.check_exists(resource)
            changed[resource] = self._state.tags.with_these(resource, parameters["Tags"])
        return self._keep(changed)

    def _delete_tags(self, parameters: Parameters) -> Output:
        changed = {}
        for resource in parameters["Resources"]:
            self._state.check_exists(resource)
            changed[resource] = self._state.tags.without(resource, parameters.get("Tags"))
        return self._keep(changed)

    def _keep(self, changed: dict[str, dict[str, str]]) -> Output:
        for resource, tags in changed.items():
            self._core.keep_tags(resource, tags)
        return {}

    def _describe_tags(self, parameters: Parameters) -> Output:
        documents: list[Document] = [
            {
                "ResourceId": resource,
                "ResourceType": type_of(resource),
                "id": f"{resource} {tag['Key']}",
                **tag,
            }
            for resource in self._state.tags.of
            for tag in self._state.tags.shown(resource)
        ]
        for each in documents:
            each["Tags"] = [{"Key": each["Key"], "Value": each["Value"]}]
        found = filtered(documents, parameters.get("Filters") or (), TAG_FILTERS)
        shown, more = page(found, "id", parameters)
        names = ("Key", "ResourceId", "ResourceType", "Value")
        return {"Tags": [{name: each[name] for name in names} for each in shown], **more}


def reservation_id(instance_id: str) -> str:
    """Each instance was launched on its own."""
    return resource_id("r", instance_id)
