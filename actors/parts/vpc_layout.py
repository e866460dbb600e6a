"""A VPC's config as EC2 has it: resources with ids, made of the names in the config.

How this works. `lay_out` is what never changes (subnets, routes, instances); `begin` is what there is when the world
begins, and changes from then on (interfaces, groups, tags). EC2 does both when it is handed a VPC, and only the first
when it starts again; a VPC without an AWS API does both for itself.
"""

from actors.parts.vpc_config import RuleConfig, is_prefix
from actors.parts.vpc_world import Config
from actors.protocols.ec2.ids import resource_id
from actors.protocols.ec2.network_interfaces import Instance, SubnetPlace, Wanted
from actors.protocols.ec2.permissions import ALL, GroupRule
from actors.protocols.ec2.records import Attachment, NetworkInterface
from actors.protocols.ec2.security_groups import DEFAULT, EVERYWHERE, SecurityGroup, with_ids
from actors.protocols.ec2.state import Ec2State, Route, RouteTable, Vpc
from actors.protocols.security_groups import ALL_PORTS, parse_ports
from actors.wire.addresses import Prefix


def lay_out(state: Ec2State, element: str, config: Config) -> Vpc:
    """What the config says and no verb of EC2's changes here."""
    gateway = resource_id("igw", element) if config.internet_gateway else None
    vpc = Vpc(resource_id("vpc", element), element, config.cidr, gateway)
    state.vpcs[vpc.id] = vpc
    for name, subnet in config.subnets.items():
        place = SubnetPlace(Prefix.parse(subnet.cidr), subnet.availability_zone, vpc.id, name)
        state.interfaces.add_subnet(resource_id("subnet", element, name), place)
    _lay_out_routes(state, vpc, config)
    zones = {
        eni.port: config.subnets[eni.subnet].availability_zone
        for eni in reversed(config.network_interfaces.values())
    }
    for port, each in config.instances.items():
        state.interfaces.add_instance(Instance(each.instance_id, each.instance_type, port, zones[port]))
    return vpc


def _lay_out_routes(state: Ec2State, vpc: Vpc, config: Config) -> None:
    """The first table of the config is the VPC's main one."""
    for index, (name, routes) in enumerate(config.route_tables.items()):
        table = resource_id("rtb", vpc.element, name)
        subnets = tuple(
            resource_id("subnet", vpc.element, subnet)
            for subnet, each in config.subnets.items()
            if each.route_table == name
        )
        state.route_tables[table] = RouteTable(
            table,
            vpc.id,
            tuple(
                Route(each.destination, "local" if each.target == "local" else vpc.internet_gateway or "")
                for each in routes
            ),
            subnets,
            main=index == 0,
        )


def begin(state: Ec2State, vpc: Vpc, config: Config, now_ns: int) -> None:
    """What there is when the world begins: groups, interfaces, tags."""
    for group in _groups(vpc, config):
        state.groups.put(group)
    for interface in _interfaces(state, vpc, config, now_ns):
        state.interfaces.put(interface)
    state.tags.of |= _tags(vpc, config)


def _groups(vpc: Vpc, config: Config) -> list[SecurityGroup]:
    groups = []
    for name, each in config.security_groups.items():
        rules = [_rule(vpc, rule, False) for rule in each.ingress]
        rules += [_rule(vpc, rule, True) for rule in each.egress]
        group_id = resource_id("sg", vpc.element, name)
        groups.append(with_ids(SecurityGroup(group_id, name, vpc.id, name, tuple(dict.fromkeys(rules)))))
    if DEFAULT not in config.security_groups:
        own = resource_id("sg", vpc.element, DEFAULT)
        default = (
            GroupRule("", False, ALL, -1, -1, group=own),
            GroupRule("", True, ALL, -1, -1, cidr=EVERYWHERE),
        )
        groups.append(with_ids(SecurityGroup(own, DEFAULT, vpc.id, "default VPC security group", default)))
    return groups


def _rule(vpc: Vpc, rule: RuleConfig, egress: bool) -> GroupRule:
    if rule.protocol in ("tcp", "udp"):
        ports = ALL_PORTS if rule.ports is None else parse_ports(rule.ports)
        low, high = ports[0], ports[-1]
    else:
        low = high = -1
    span = ALL if rule.protocol == "all" else rule.protocol, low, high
    if is_prefix(rule.peer):
        return GroupRule("", egress, *span, cidr=str(Prefix.parse(rule.peer)))
    return GroupRule("", egress, *span, group=resource_id("sg", vpc.element, rule.peer))


def _interfaces(state: Ec2State, vpc: Vpc, config: Config, now_ns: int) -> list[NetworkInterface]:
    """Each plugged in where the config says; those that want more addresses get them when all others have theirs."""
    devices: dict[str, int] = {}
    records = []
    for eni, each in config.network_interfaces.items():
        devices[each.port] = device = devices.get(each.port, -1) + 1
        instance = config.instances.get(each.port)
        attachment = Attachment(
            eni.replace("eni-", "eni-attach-", 1),
            each.port,
            instance.instance_id if instance else None,
            device,
            now_ns,
        )
        record = NetworkInterface(
            eni,
            resource_id("subnet", vpc.element, each.subnet),
            each.private_ips,
            tuple(resource_id("sg", vpc.element, group) for group in each.security_groups),
            source_dest_check=each.source_dest_check,
            attachment=attachment,
        )
        state.interfaces.put(record)
        records.append(record)
    return [
        state.interfaces.assign(record.id, Wanted(address_count=each.secondary_private_ip_address_count))[0]
        if each.secondary_private_ip_address_count
        else record
        for record, each in zip(records, config.network_interfaces.values(), strict=True)
    ]


def _tags(vpc: Vpc, config: Config) -> dict[str, dict[str, str]]:
    """Everything has the name that it has in the config as its tag `Name`."""
    element = vpc.element
    tags = {vpc.id: {"Name": element}}
    if vpc.internet_gateway:
        tags[vpc.internet_gateway] = {"Name": element}
    for name, subnet in config.subnets.items():
        tags[resource_id("subnet", element, name)] = {"Name": name, **subnet.tags}
    for name in config.route_tables:
        tags[resource_id("rtb", element, name)] = {"Name": name}
    for name, group in config.security_groups.items():
        tags[resource_id("sg", element, name)] = {"Name": name, **group.tags}
    for port, instance in config.instances.items():
        tags[instance.instance_id] = {"Name": port, **instance.tags}
    return tags
