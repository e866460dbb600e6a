"""A VPC's whole config, and the engines that it becomes."""

from typing import Annotated

from pydantic import Field, model_validator

from actors.element import Claim, ElementConfig, ElementName
from actors.parts.config_fields import Cidr, fault, unknown
from actors.parts.vpc_config import (
    ConnectionTracking,
    InstanceConfig,
    InternetGateway,
    NetworkInterface,
    RouteConfig,
    SecurityGroupConfig,
    SubnetConfig,
    eni_map,
    eni_of,
    is_prefix,
    subnet_of,
)
from actors.protocols.connection_tracking import ConnectionTracker
from actors.protocols.eni_map import RESERVED, EniError
from actors.protocols.instance_types import LIMITS
from actors.protocols.security_groups import SecurityGroups
from actors.protocols.vpc_fabric import VpcFabric
from actors.protocols.vpc_routes import Route, VpcRouteTable
from actors.wire.addresses import Prefix, ip_text


class Config(ElementConfig):
    """A VPC with its subnets, route tables, security groups and network interfaces."""

    cidr: Cidr = Field(description="all private addresses; subnets divide it")
    internet_gateway: InternetGateway | None = None
    subnets: dict[str, SubnetConfig] = Field(min_length=1, description="by name")
    route_tables: dict[str, tuple[RouteConfig, ...]] = Field(
        description="lists of routes, by the names that subnets use"
    )
    security_groups: dict[str, SecurityGroupConfig] = Field(
        description="by the names that interfaces and rules use"
    )
    network_interfaces: dict[Annotated[str, Field(pattern="^eni-[0-9a-z]+$")], NetworkInterface] = Field(
        default={},
        description="those that there are at the beginning, by id; of several at one port the first is device 0",
    )
    instances: dict[Annotated[str, Field(min_length=1)], InstanceConfig] = Field(
        default={}, description="EC2 instances, by the ports that they are at: the names of their elements"
    )
    connection_tracking: ConnectionTracking = ConnectionTracking()
    ports: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="more ports, at which nothing is plugged in at the beginning: the nodes that load balancers are "
        "made of, by the names of their elements",
    )
    aws_api: ElementName | None = Field(
        default=None,
        description="the AWS API that EC2's requests go to: what is said here is handed over to it once, and from "
        "then on interfaces and groups are what it says; without it they stay as they are here",
    )

    def port_names(self) -> list[str]:
        gateway = [self.internet_gateway.port] if self.internet_gateway else []
        own = (eni.port for eni in self.network_interfaces.values())
        return list(dict.fromkeys([*gateway, *own, *self.ports]))

    def claims(self) -> list[Claim]:
        """Private addresses of interfaces are claimed by those that they are attached to."""
        claims = [Claim("subnet", self.cidr, ("cidr",))]
        for name, subnet in self.subnets.items():
            where = ("subnets", name, "cidr")
            claims.append(Claim("subnet", subnet.cidr, where))
            claims.append(Claim("address", ip_text(subnet_of(name, subnet, "").gateway), where))
        if self.internet_gateway:
            address, path = self.internet_gateway.address, ("internet_gateway", "address")
            claims += [Claim("address", address.partition("/")[0], path), Claim("subnet", address, path)]
        return claims

    @model_validator(mode="after")
    def _check_references(self) -> "Config":
        self._check_subnets()
        self._check_routes()
        self._check_rules()
        self._check_interfaces()
        self._check_instances()
        self._check_room()
        return self

    def _check_subnets(self) -> None:
        vpc = Prefix.parse(self.cidr)
        for name, subnet in self.subnets.items():
            prefix, where = Prefix.parse(subnet.cidr), ("subnets", name)
            if not 16 <= prefix.length <= 28:
                raise fault(
                    (*where, "cidr"), f"a subnet is a /16 to /28, not a /{prefix.length}", subnet.cidr
                )
            if prefix.length < vpc.length or prefix.network.to_bytes(4) not in vpc:
                raise fault((*where, "cidr"), f"{prefix} does not lie in the VPC's {vpc}", subnet.cidr)
            if subnet.route_table not in self.route_tables:
                what = unknown("route table", subnet.route_table, self.route_tables)
                raise fault((*where, "route_table"), what, subnet.route_table)

    def _check_routes(self) -> None:
        for name, routes in self.route_tables.items():
            if not any(route.target == "local" for route in routes):
                raise fault(("route_tables", name), f"every route table has {self.cidr} as local")
            seen: set[str] = set()
            for index, route in enumerate(routes):
                where = ("route_tables", name, index)
                if route.target == "local" and route.destination != self.cidr:
                    raise fault((*where, "target"), f"only the VPC's own {self.cidr} is local", route.target)
                if route.target == "igw" and self.internet_gateway is None:
                    raise fault((*where, "target"), "this VPC has no internet_gateway", route.target)
                if route.destination in seen:
                    raise fault((*where, "destination"), "there are two routes to it", route.destination)
                seen.add(route.destination)

    def _check_rules(self) -> None:
        for name, group in self.security_groups.items():
            for direction, rules in (("ingress", group.ingress), ("egress", group.egress)):
                for index, rule in enumerate(rules):
                    if is_prefix(rule.peer) or rule.peer in self.security_groups:
                        continue
                    field = "source" if direction == "ingress" else "destination"
                    what = unknown("security group", rule.peer, self.security_groups)
                    where = ("security_groups", name, direction, index, field)
                    raise fault(where, f"{rule.peer!r} is no CIDR block, and {what}", rule.peer)

    def _check_interfaces(self) -> None:
        interfaces = eni_map(self.subnets, "")
        for eni_id, eni in self.network_interfaces.items():
            where = ("network_interfaces", eni_id)
            if eni.subnet not in self.subnets:
                raise fault((*where, "subnet"), unknown("subnet", eni.subnet, self.subnets), eni.subnet)
            for index, group in enumerate(eni.security_groups):
                if group not in self.security_groups:
                    what = unknown("security group", group, self.security_groups)
                    raise fault((*where, "security_groups", index), what, group)
            if self.internet_gateway and eni.port == self.internet_gateway.port:
                raise fault((*where, "port"), f"port {eni.port!r} is the internet gateway's", eni.port)
            try:
                interfaces.attach(eni_of(eni_id, eni))
            except EniError as error:
                raise fault((*where, "private_ips"), str(error), eni.private_ips) from None

    def _check_instances(self) -> None:
        ids: dict[str, str] = {}
        for port, instance in self.instances.items():
            where, limits = ("instances", port), LIMITS.get(instance.instance_type)
            if limits is None:
                what = unknown("instance type", instance.instance_type, LIMITS)
                raise fault((*where, "instance_type"), what, instance.instance_type)
            if instance.instance_id in ids:
                what = f"{ids[instance.instance_id]} has {instance.instance_id} already"
                raise fault((*where, "instance_id"), what, instance.instance_id)
            ids[instance.instance_id] = port
            own = [each for each in self.network_interfaces.values() if each.port == port]
            if not own:
                ports = {each.port for each in self.network_interfaces.values()}
                raise fault(where, f"no network interface is at it: {unknown('port', port, ports)}", port)
            if len(own) > limits.interfaces:
                what = (
                    f"{instance.instance_type} takes {limits.interfaces} network interfaces, not {len(own)}"
                )
                raise fault(where, what, len(own))
            most = max(each.address_count for each in own)
            if most > limits.addresses:
                what = f"an interface of {instance.instance_type} has {limits.addresses} addresses at most"
                raise fault(where, what, most)

    def _check_room(self) -> None:
        """Interfaces that want addresses beside those they name must find them in their subnets."""
        for name, subnet in self.subnets.items():
            inside = [each for each in self.network_interfaces.values() if each.subnet == name]
            wanted = sum(each.address_count for each in inside)
            room = (1 << (32 - Prefix.parse(subnet.cidr).length)) - len(RESERVED) - 1
            if wanted > room:
                what = f"{name} has {room} addresses, and its interfaces want {wanted}"
                raise fault(("subnets", name, "cidr"), what, subnet.cidr)


def fabric_of(config: Config, name: str, tracker: ConnectionTracker, now_ns: int) -> VpcFabric:
    """What packets meet, with no interfaces and no groups yet."""
    interfaces = eni_map(config.subnets, name)
    tables = {
        name: VpcRouteTable(Route(Prefix.parse(route.destination), route.target) for route in routes)
        for name, routes in config.route_tables.items()
    }
    filters = SecurityGroups({}, interfaces.groups_of, tracker, now_ns)
    return VpcFabric(Prefix.parse(config.cidr), interfaces, tables, filters)
