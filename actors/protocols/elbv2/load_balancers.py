"""Load balancers: their names, subnets, nodes, security groups and attributes."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from actors.protocols.aws.errors import AwsError
from actors.protocols.elbv2 import attributes, tags
from actors.protocols.elbv2.listeners import delete_listener
from actors.protocols.elbv2.names import HOSTED_ZONES, dns_name, is_arn
from actors.protocols.elbv2.state import Record, State, by_age
from actors.protocols.elbv2.validation import (
    Parameters,
    invalid,
    misconfigured,
    name_of,
    one_of,
    page,
    required,
)
from actors.protocols.elbv2.world import Subnet, World

MAX_LOAD_BALANCERS = 50
MAX_GROUPS = 5
FREE_ADDRESSES = 8
"""How many free addresses a subnet must have, so that a load balancer can grow in it."""


class LoadBalancers:
    """CreateLoadBalancer and all that is about one. `time_text` writes nanoseconds since 1970 as the API does."""

    def __init__(
        self, state: State, world: World, provisioning_ns: int, time_text: Callable[[int], str]
    ) -> None:
        self._state, self._world = state, world
        self._provisioning_ns, self._time_text = provisioning_ns, time_text

    # ---- create, delete ------------------------------------------------------------------------------------

    def create(self, parameters: Parameters, now_ns: int) -> dict[str, Any]:
        """CreateLoadBalancer. One that is there already with the same settings is the answer."""
        state = self._state
        name = name_of(parameters, "Load balancer")
        if name.startswith("internal-"):
            invalid(f"The load balancer name '{name}' cannot begin with 'internal-'")
        self._check_offered(parameters)
        scheme = one_of(
            parameters.get("Scheme") or "internet-facing", "Scheme", ("internet-facing", "internal")
        )
        subnets = self._subnets(parameters)
        vpc = subnets[0].vpc_id
        groups = self._groups(parameters.get("SecurityGroups"), vpc)
        new_tags = tags.given(parameters)
        for _, other in state.load_balancers.items():
            if other["LoadBalancer"]["LoadBalancerName"] == name:
                return self._again(other, scheme, subnets, groups, new_tags)
        if len(list(state.load_balancers.items())) >= MAX_LOAD_BALANCERS:
            raise AwsError(
                "TooManyLoadBalancers",
                "You've reached the limit on the number of load balancers for your AWS account",
            )
        self._check_room(subnets)
        if scheme == "internet-facing" and not self._world.network.has_internet_gateway(vpc):
            raise AwsError("InvalidSubnet", f"VPC {vpc} has no internet gateway")
        identity = state.new_id("load-balancer", name)
        arn = state.arn(f"loadbalancer/app/{name}/{identity}")
        nodes = self._nodes(f"app/{name}/{identity}", scheme, subnets, groups)
        shown = {
            "LoadBalancerArn": arn,
            "DNSName": dns_name(state.account, state.region, name, scheme),
            "CreatedTime": self._time_text(now_ns),
            "LoadBalancerName": name,
            "Scheme": scheme,
            "VpcId": vpc,
            "State": {"Code": "provisioning"},
            "Type": "application",
            "AvailabilityZones": _zones(subnets),
            "SecurityGroups": groups,
            "IpAddressType": "ipv4",
        }
        if state.region in HOSTED_ZONES:
            shown["CanonicalHostedZoneId"] = HOSTED_ZONES[state.region]
        record = {
            "LoadBalancer": shown,
            "Nodes": nodes,
            "ActiveAt": now_ns + self._provisioning_ns,
            "Attributes": {
                **attributes.defaults(attributes.LOAD_BALANCER),
                "ipv6.deny_all_igw_traffic": "true" if scheme == "internal" else "false",
            },
            "Sequence": state.sequence(),
        }
        state.load_balancers.put(arn, record)
        if new_tags:
            state.tags.put(arn, new_tags)
        return {"LoadBalancers": [shown]}

    def _check_offered(self, parameters: Parameters) -> None:
        kind = one_of(parameters.get("Type") or "application", "Type", ("application", "network", "gateway"))
        if kind != "application":
            raise AwsError("OperationNotPermitted", f"Load balancers with type '{kind}' are not offered here")
        if parameters.get("IpAddressType", "ipv4") != "ipv4":
            misconfigured(
                f"IP address type '{parameters['IpAddressType']}' needs subnets with IPv6 CIDR blocks"
            )
        for name in ("CustomerOwnedIpv4Pool", "IpamPools"):
            if parameters.get(name):
                misconfigured(f"'{name}' is not supported: there are neither Outposts nor IPAM pools here")
        if parameters.get("EnablePrefixForIpv6SourceNat", "off") != "off":
            misconfigured("Source NAT prefixes are not supported on load balancers with type 'application'")

    def _again(
        self, other: Record, scheme: str, subnets: list[Subnet], groups: list[str], new_tags: dict[str, str]
    ) -> dict[str, Any]:
        shown = other["LoadBalancer"]
        old = (
            shown["Scheme"],
            sorted(each["SubnetId"] for each in shown["AvailabilityZones"]),
            sorted(shown["SecurityGroups"]),
            self._state.tags.get(shown["LoadBalancerArn"]) or {},
        )
        if old != (scheme, sorted(each.id for each in subnets), sorted(groups), new_tags):
            name = shown["LoadBalancerName"]
            raise AwsError(
                "DuplicateLoadBalancerName",
                f"A load balancer with the same name '{name}' exists, but with different settings",
            )
        return {"LoadBalancers": [shown]}

    def delete(self, parameters: Parameters) -> dict[str, Any]:
        """DeleteLoadBalancer, with its listeners; one that does not exist is deleted already."""
        arn = required(parameters, "LoadBalancerArn")
        if is_arn("load balancer", arn) and self._state.load_balancers.get(arn) is None:
            return {}
        record = self._state.load_balancer(arn)
        if record["Attributes"]["deletion_protection.enabled"] == "true":
            raise AwsError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        for listener in self._state.listeners_of(arn):
            delete_listener(self._state, listener)
        for node in record["Nodes"].values():
            self._world.network.release_interface(node["Interface"]["eni"])
        self._state.load_balancers.delete(arn)
        self._state.tags.delete(arn)
        return {}

    # ---- subnets and nodes ---------------------------------------------------------------------------------

    def _subnets(self, parameters: Parameters) -> list[Subnet]:
        """The subnets that a request names, by zone. Raises AwsError."""
        names, mappings = parameters.get("Subnets"), parameters.get("SubnetMappings")
        if bool(names) == bool(mappings):
            invalid("You must specify either subnets or subnet mappings")
        for mapping in mappings or ():
            if extra := [key for key, value in mapping.items() if key != "SubnetId" and value]:
                misconfigured(f"'{extra[0]}' is not supported on load balancers with type 'application'")
        wanted = list(dict.fromkeys(names or [mapping.get("SubnetId") for mapping in mappings or ()]))
        subnets = [self._subnet(name) for name in wanted]
        zones = [subnet.availability_zone for subnet in subnets]
        if len(set(zones)) < len(zones):
            misconfigured(
                "A load balancer cannot be attached to multiple subnets in the same Availability Zone"
            )
        if len(zones) < 2:
            invalid("At least two subnets in two different Availability Zones must be specified")
        if len({subnet.vpc_id for subnet in subnets}) > 1:
            misconfigured("All subnets must belong to the same VPC")
        return sorted(subnets, key=lambda subnet: subnet.availability_zone)

    def _subnet(self, name: Any) -> Subnet:
        subnet = self._world.network.subnet(name) if isinstance(name, str) else None
        if subnet is None:
            raise AwsError("SubnetNotFound", f"The subnet ID '{name}' does not exist")
        return subnet

    def _check_room(self, subnets: Iterable[Subnet], freed: Collection[str] | None = None) -> None:
        """There are addresses in all these subnets, and nodes for them, once some are `freed` (SetSubnets).

        Raises AwsError."""
        for subnet in subnets:
            if subnet.free_addresses < FREE_ADDRESSES:
                raise AwsError(
                    "InvalidSubnet",
                    f"Not enough IP space available in {subnet.id}. "
                    f"ELB requires at least {FREE_ADDRESSES} free IP addresses in each subnet.",
                )
            zone = subnet.availability_zone
            if zone not in self._world.nodes.values():
                raise AwsError(
                    "AvailabilityZoneNotSupported", f"The Availability Zone '{zone}' is not supported"
                )
            if self._free_node(zone, freed or ()) is None:
                # An operation has only the errors of its own: SetSubnets knows no limit of load balancers.
                code = "InvalidSubnet" if freed is not None else "TooManyLoadBalancers"
                raise AwsError(
                    code,
                    "You've reached the limit on the number of load balancers for your AWS account: "
                    f"no node is left in {zone}",
                )

    def _free_node(self, zone: str, freed: Collection[str] = ()) -> str | None:
        records = (record for _, record in self._state.load_balancers.items())
        taken = {node["Node"] for record in records for node in record["Nodes"].values()} - set(freed)
        return next(
            (node for node, at in self._world.nodes.items() if at == zone and node not in taken), None
        )

    def _nodes(
        self, path: str, scheme: str, subnets: Iterable[Subnet], groups: list[str]
    ) -> dict[str, dict[str, Any]]:
        """A node with an interface for each of these subnets, by zone; all or none."""
        nodes: dict[str, dict[str, Any]] = {}
        try:
            for subnet in subnets:
                node = self._free_node(subnet.availability_zone)
                assert node is not None  # _check_room has seen to that
                interface = self._world.network.create_interface(
                    subnet_id=subnet.id,
                    groups=groups,
                    port=node,
                    description=f"ELB {path}",
                    public=scheme == "internet-facing",
                )
                nodes[subnet.availability_zone] = {"Node": node, "Subnet": subnet.id, "Interface": interface}
        except AwsError as error:
            for made in nodes.values():
                self._world.network.release_interface(made["Interface"]["eni"])
            raise AwsError("InvalidSubnet", error.message) from None
        return nodes

    def set_subnets(self, parameters: Parameters, now_ns: int) -> dict[str, Any]:
        """SetSubnets: the zones of these subnets are enabled, all others are not."""
        record = self._state.load_balancer(required(parameters, "LoadBalancerArn"))
        self._check_offered({**parameters, "Type": "application"})
        shown, old = record["LoadBalancer"], record["Nodes"]
        subnets = self._subnets(parameters)
        if subnets[0].vpc_id != shown["VpcId"]:
            misconfigured(f"The subnets must belong to the VPC of the load balancer, '{shown['VpcId']}'")
        kept = {
            zone: node for zone, node in old.items() if node["Subnet"] in {subnet.id for subnet in subnets}
        }
        new = [subnet for subnet in subnets if subnet.availability_zone not in kept]
        self._check_room(new, freed={node["Node"] for zone, node in old.items() if zone not in kept})
        for zone, node in old.items():
            if zone not in kept:
                self._world.network.release_interface(node["Interface"]["eni"])
        path = shown["LoadBalancerArn"].split("loadbalancer/", 1)[1]
        self._state.load_balancers.put(shown["LoadBalancerArn"], {**record, "Nodes": kept})
        nodes = {**kept, **self._nodes(path, shown["Scheme"], new, shown["SecurityGroups"])}
        zones = _zones(subnets)
        self._state.load_balancers.put(
            shown["LoadBalancerArn"],
            {
                **record,
                "LoadBalancer": {**shown, "AvailabilityZones": zones},
                "Nodes": {subnet.availability_zone: nodes[subnet.availability_zone] for subnet in subnets},
            },
        )
        return {"AvailabilityZones": zones, "IpAddressType": "ipv4"}

    # ---- security groups -----------------------------------------------------------------------------------

    def _groups(self, given: list[str] | None, vpc: str) -> list[str]:
        groups = list(dict.fromkeys(given or [self._world.network.default_security_group(vpc)]))
        for group in groups:
            if not self._world.network.is_group_of(group, vpc):
                raise AwsError(
                    "InvalidSecurityGroup", f"The security group '{group}' does not exist in VPC '{vpc}'"
                )
        if len(groups) > MAX_GROUPS:
            misconfigured(f"A load balancer can have at most {MAX_GROUPS} security groups")
        return groups

    def set_security_groups(self, parameters: Parameters) -> dict[str, Any]:
        """SetSecurityGroups: in effect for packets at once."""
        record = self._state.load_balancer(required(parameters, "LoadBalancerArn"))
        if parameters.get("EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic") is not None:
            misconfigured("PrivateLink is not supported on load balancers with type 'application'")
        shown = record["LoadBalancer"]
        groups = self._groups(required(parameters, "SecurityGroups"), shown["VpcId"])
        for node in record["Nodes"].values():
            self._world.network.set_groups(node["Interface"]["eni"], groups)
        new = {**record, "LoadBalancer": {**shown, "SecurityGroups": groups}}
        self._state.load_balancers.put(shown["LoadBalancerArn"], new)
        return {"SecurityGroupIds": groups}

    def set_ip_address_type(self, parameters: Parameters) -> dict[str, Any]:
        """SetIpAddressType: `ipv4` is what there is."""
        self._state.load_balancer(required(parameters, "LoadBalancerArn"))
        required(parameters, "IpAddressType")
        self._check_offered({"IpAddressType": parameters["IpAddressType"]})
        return {"IpAddressType": "ipv4"}

    # ---- describe ------------------------------------------------------------------------------------------

    def describe(self, parameters: Parameters) -> dict[str, Any]:
        """DescribeLoadBalancers: all, or by ARN or name."""
        arns, names = parameters.get("LoadBalancerArns"), parameters.get("Names")
        if arns and names:
            invalid("Load balancer names and load balancer ARNs cannot be specified at the same time")
        if arns:
            records = [self._state.load_balancer(arn) for arn in dict.fromkeys(arns)]
        else:
            records = [record for _, record in self._state.load_balancers.items()]
        if names:
            there = {each["LoadBalancer"]["LoadBalancerName"] for each in records}
            if missing := [name for name in dict.fromkeys(names) if name not in there]:
                raise AwsError("LoadBalancerNotFound", f"Load balancers '[{', '.join(missing)}]' not found")
            records = [each for each in records if each["LoadBalancer"]["LoadBalancerName"] in names]
        shown = [(by_age(each), each["LoadBalancer"]) for each in sorted(records, key=by_age)]
        return page(shown, parameters, "LoadBalancers")

    # ---- time ----------------------------------------------------------------------------------------------

    def deadline_ns(self, now_ns: int) -> int | None:
        """When the next load balancer becomes active."""
        waiting = (record["ActiveAt"] for record in self._provisioning())
        return min(waiting, default=None)

    def on_deadline(self, now_ns: int) -> list[str]:
        """The names of the load balancers that have become active."""
        active = [record for record in self._provisioning() if record["ActiveAt"] <= now_ns]
        for record in active:
            shown = {**record["LoadBalancer"], "State": {"Code": "active"}}
            self._state.load_balancers.put(shown["LoadBalancerArn"], {**record, "LoadBalancer": shown})
        return [record["LoadBalancer"]["LoadBalancerName"] for record in active]

    def _provisioning(self) -> list[Record]:
        records = (record for _, record in self._state.load_balancers.items())
        return [record for record in records if record["LoadBalancer"]["State"]["Code"] == "provisioning"]


def _zones(subnets: Iterable[Subnet]) -> list[Mapping[str, Any]]:
    return [
        {"ZoneName": subnet.availability_zone, "SubnetId": subnet.id, "LoadBalancerAddresses": []}
        for subnet in subnets
    ]
