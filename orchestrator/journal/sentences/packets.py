"""What routers, NAT, the VPC and a node's kernel decide about one packet."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import listed, plain, plural


@sentence("route.lookup")
def route_lookup(r: Record) -> Told:
    next_hop, port = r["next_hop"], r["port"]
    direct = next_hop in (None, "direct")
    on = f"a neighbour on port {port}" if direct else f"next hop {next_hop}, out of port {port}"
    return Told(f"Route to {r['destination']}: {_matched(r['matched'])}, {on}", _beaten(r["alternatives"]))


def _matched(prefix: str) -> str:
    return (
        f"no better match than the default route {prefix}" if prefix == "0.0.0.0/0" else f"matched {prefix}"
    )


def _beaten(alternatives: list[Record]) -> str:
    if not alternatives:
        return ""
    others = (f"{other['matched']} via {other['next_hop']} ({other['why']})" for other in alternatives)
    return f"rather than {listed(others, most=2)}"


says("route.none", "No route to {destination}: dropped")


@sentence("packet.dropped", "vpc.drop")
def packet_dropped(r: Record) -> Told:
    return Told(f"The packet is dropped: {r['reason'].replace('_', ' ')}", r.get("why") or "")


says("ttl.expired", "The packet has passed too many hops: dropped", "ICMP time exceeded to its sender")


@sentence("nat.mapping")
def nat_mapping(r: Record) -> Told:
    protocol = r["protocol"].upper()
    if r["direction"] == "in":
        return Told(f"NAT back: {protocol} to {r['outside']} is for {r['inside']}", f"from {r['remote']}")
    if r["direction"] == "hairpin":
        turned = (
            f"NAT, turned round: {protocol} from {r['inside']} goes to somebody at home as {r['outside']}"
        )
        return Told(turned, f"who is {r['remote']} outside")
    verb = "new mapping" if r["created"] else "mapping"
    return Told(f"NAT, {verb}: {protocol} from {r['inside']} leaves as {r['outside']}", f"to {r['remote']}")


@sentence("nat.exhausted")
def nat_exhausted(r: Record) -> Told:
    if r["reason"] == "table_full":
        what = f"The NAT table is full: {r['sessions']} of {r['session_limit']} sessions"
    else:
        what = f"NAT has no {r['protocol'].upper()} port left: {r['ports_used']} of {r['ports']} are taken"
    return Told(what, f"{r['source']} to {r['destination']} refused, {r['refused']} since this was last told")


@sentence("service.endpoint")
def service_endpoint(r: Record) -> Told:
    at = f"node port {r['at'].rpartition(':')[2]}" if r["node_port"] else r["at"]
    if r["chosen"] is None:
        return Told(f"kube-proxy's rules: {at} is Service {r['service']}, which has no endpoints: refused")
    beaten = f"one of {plural(r['endpoints'], 'endpoint')}, each as likely"
    masked = "; the source becomes the node's own" if r["masquerade"] else ""
    return Told(f"kube-proxy's rules: {at} is Service {r['service']}: on to {r['chosen']}", beaten + masked)


@sentence("eip.translate")
def eip_translate(r: Record) -> Told:
    if r["direction"] == "out":
        return Told(f"Internet gateway: source {r['private']} becomes its Elastic IP {r['public']}")
    return Told(f"Internet gateway: Elastic IP {r['public']} is {r['private']} inside the VPC")


@sentence("vpc.route")
def vpc_route(r: Record) -> Told:
    beaten = f"rather than {listed(map(plain, r['alternatives']), most=3)}" if r.get("alternatives") else ""
    return Told(
        f"Route table {r['route_table']}: {r['destination']} matched {r['matched']}, target {r['target']}",
        beaten,
    )


@sentence("security_group.allow", "security_group.deny")
def security_group(r: Record) -> Told:
    verb = "lets in" if r["direction"] == "ingress" else "lets out"
    if r["kind"] == "security_group.deny":
        return Told(f"Security group {r['group']} refuses {r['peer']}: dropped", _rule(r))
    return Told(f"Security group {r['group']} {verb} {r['peer']}", _rule(r))


def _rule(r: Record) -> str:
    return f"rule: {plain(r['rule'])}" if r.get("rule") else ""


says("eni.deliver", "{address} lives on network interface {eni}", "port {port}")


@sentence("node.route")
def node_route(r: Record) -> Told:
    rule = f"ip rule {r['rule']}" if r["rule"] not in (None, "None") else f"table {r['table']}"
    if r["veth"]:
        way = f"into the pod through veth {r['veth']}"
    else:
        way = f"out of {r['device']}" + ("" if r["next_hop"] == "direct" else f", next hop {r['next_hop']}")
    return Told(f"{rule}: {r['destination']} {_matched(r['matched'])}, {way}", _beaten(r["alternatives"]))
