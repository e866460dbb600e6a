"""A journey as the default world would record it, written by hand: what the story-teller is tested with."""

from itertools import pairwise
from typing import Any

from orchestrator.journal.journey import Journey

IDENTITY = "5f0c2a8e9d3b4c61a7e2f4d8b1c09e37"
CLIENT, PUBLIC, MAPPED = "192.168.1.100:49152", "198.51.100.10:443", "203.0.113.10:1024"
ALB, ALB_SIDE, POD = "10.0.0.10:443", "10.0.0.10:32768", "10.0.10.20:80"

DELAY_US = {
    ("laptop", "home-router"): ("wifi", 600),
    ("home-router", "isp"): ("fibre", 700),
    ("isp", "resolver"): ("isp-resolver", 100),
    ("isp", "transit-1"): ("isp-transit-1", 300),
    ("isp", "transit-2"): ("isp-transit-2", 400),
    ("transit-2", "root"): ("transit-2-root", 2000),
    ("transit-2", "tld"): ("transit-2-tld", 2000),
    ("transit-2", "route53"): ("transit-2-route53", 1000),
    ("transit-1", "aws-edge"): ("transit-1-aws", 500),
    ("aws-edge", "vpc"): ("edge-vpc", 100),
    ("vpc", "alb-1a"): ("vpc-alb-1a", 50),
    ("vpc", "node-1"): ("vpc-node-1", 50),
    ("node-1", "nginx-0"): ("veth-nginx-0", 5),
}
FORWARDING_US = {"isp": 20, "transit-1": 20, "transit-2": 20, "aws-edge": 20}

KINDS = {
    "laptop": "laptop",
    "home-router": "home_router",
    "isp": "isp_as",
    "transit-1": "isp_as",
    "transit-2": "isp_as",
    "resolver": "dns_server",
    "root": "dns_server",
    "tld": "dns_server",
    "route53": "dns_server",
    "aws-edge": "aws_edge",
    "vpc": "vpc",
    "alb-1a": "alb",
    "node-1": "eks_node",
    "nginx-0": "nginx_pod",
}

TO_ALB = ["laptop", "home-router", "isp", "transit-1", "aws-edge", "vpc", "alb-1a"]
TO_POD = ["alb-1a", "vpc", "node-1", "nginx-0"]
EXPECTED_HOPS = TO_ALB + TO_POD[1:]


class Script:
    """Writes records; `now_us` is where the story is."""

    def __init__(self, start_ns: int = 12_000_000_000) -> None:
        self.start_ns = start_ns
        self.now_us = 0.0
        self.records: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def tell(self, element: str, kind: str, **fields: Any) -> None:
        self.records.append(self._record(element, kind, IDENTITY, fields))

    def event(self, at_s: float, element: str, kind: str, **fields: Any) -> None:
        event = self._record(element, kind, None, fields)
        event["t_ns"] = self.start_ns + round(at_s * 1e9)
        self.events.append(event)

    def _record(self, element: str, kind: str, journey: str | None, fields: dict[str, Any]) -> dict[str, Any]:
        seq = len(self.records) + len(self.events)
        return {
            "t_ns": self._ns(), "element": element, "kind": kind, "journey": journey, "seq": seq, **fields,
        }  # fmt: skip

    def _ns(self) -> int:
        return self.start_ns + round(self.now_us * 1000)

    def wait(self, us: float) -> None:
        self.now_us += us

    def send(self, path: list[str], packet: str, told: Any = None, size: int = 74) -> None:
        """A packet goes along the path; `told(element, packet)` may record decisions and gives the packet onwards."""
        for element, to in pairwise(path):
            if told is not None:
                packet = told(element, packet) or packet
            link, delay_us = DELAY_US.get((element, to)) or DELAY_US[(to, element)]
            processing_us = FORWARDING_US.get(element, 0) if element != path[0] else 0
            depart_ns = self._ns() + processing_us * 1000
            arrive_ns = depart_ns + delay_us * 1000
            self.tell(
                element, "link.transmit", link=link, to=to, bytes=size, depart_ns=depart_ns,
                arrive_ns=arrive_ns, queued_us=0, packet=packet,
            )  # fmt: skip
            self.now_us += processing_us + delay_us

    def ask(self, path: list[str], client: str, server: str) -> None:
        self.send(path, f"UDP {client} > {server} len 47")

    def answer(self, path: list[str], server: str, client: str) -> None:
        self.send(path[::-1], f"UDP {server} > {client} len 120")


def _route(s: Script, element: str, destination: str, matched: str, next_hop: str | None, port: str) -> None:
    s.tell(
        element, "route.lookup", destination=destination, matched=matched, next_hop=next_hop, port=port,
        alternatives=[],
    )  # fmt: skip


def before_the_click(s: Script) -> None:
    s.event(-11.4, "laptop", "dhcp.discover", xid=0x3903F326, attempt=1)
    s.event(-11.39, "home-router", "dhcp.pool", address="192.168.1.100", why="first free address", free=100)
    s.event(-11.39, "laptop", "dhcp.offer", address="192.168.1.100", server="192.168.1.1")
    s.event(-11.39, "laptop", "dhcp.request", address="192.168.1.100", server="192.168.1.1")
    s.event(
        -11.38, "laptop", "dhcp.ack", address="192.168.1.100", server="192.168.1.1", lease_s=86400, why="new"
    )


def find_the_address(s: Script) -> None:
    url = "https://packet-journey.com/"
    s.tell("laptop", "journey.start", url=url)
    s.tell(
        "laptop", "dhcp.lease", address="192.168.1.100", prefix_length=24, server="192.168.1.1",
        router="192.168.1.1", dns_servers=["192.168.1.1"], lease_s=86400, remaining_s=86388,
    )  # fmt: skip
    name, alb_name = (
        "packet-journey.com.",
        "k8s-default-nginx-53c3f9e1e8-8725408285.eu-west-1.elb.amazonaws.com.",
    )
    question = {"name": name, "type": "A"}
    for cache in ("browser", "os"):
        s.tell("laptop", "dns.cache", cache=cache, **question, result="miss", ttl_s=0, answers=[])
    s.tell("laptop", "dns.query", server="192.168.1.1", **question)
    _route(s, "laptop", "192.168.1.1", "192.168.1.0/24", None, "wifi")
    s.tell("laptop", "arp.request", address="192.168.1.1")
    s.send(["laptop", "home-router"], "ARP who has 192.168.1.1? tell 192.168.1.100", size=42)
    s.tell("home-router", "arp.reply", address="192.168.1.1", mac="02:aa:bb:cc:dd:01")
    s.send(["home-router", "laptop"], "ARP 192.168.1.1 is at 02:aa:bb:cc:dd:01", size=42)
    s.tell("laptop", "arp.resolved", address="192.168.1.1", mac="02:aa:bb:cc:dd:01", source="reply")
    s.ask(["laptop", "home-router"], "192.168.1.100:53124", "192.168.1.1:53")
    s.tell("home-router", "dns.cache", cache="router", **question, result="miss", ttl_s=0, answers=[])
    s.tell("home-router", "dns.forward", server="203.0.113.66", **question)
    _route(s, "home-router", "203.0.113.66", "0.0.0.0/0", "203.0.113.1", "wan")
    s.ask(["home-router", "isp", "resolver"], "203.0.113.10:40001", "203.0.113.66:53")
    s.tell("resolver", "dns.cache", cache="resolver", **question, result="miss", ttl_s=0, answers=[])
    glue = {"a.gtld-servers.net.": ["192.0.2.6"]}
    _ask_authority(s, "root", "192.0.2.2", question, zone="com.", servers=["a.gtld-servers.net."], glue=glue)
    glue = {"ns-1.awsdns-1.com.": ["192.0.2.10"]}
    _ask_authority(s, "tld", "192.0.2.6", question, zone=name, servers=["ns-1.awsdns-1.com."], glue=glue)
    path = ["resolver", "isp", "transit-2", "route53"]
    addresses = ["198.51.100.10", "198.51.100.20"]
    s.tell("resolver", "dns.query", server="192.0.2.10", **question)
    s.ask(path, "203.0.113.66:40002", "192.0.2.10:53")
    s.tell(
        "route53", "dns.authoritative", zone="packet-journey.com.", **question, rcode="NOERROR",
        answers=[alb_name], ttl_s=60,
    )  # fmt: skip
    s.answer(path, "192.0.2.10:53", "203.0.113.66:40002")
    s.tell("resolver", "dns.cname", name=name, target=alb_name, ttl_s=60, **{"from": "192.0.2.10"})
    answer = {**question, "rcode": "NOERROR", "answers": addresses, "ttl_s": 60}
    s.tell("resolver", "dns.answer", **answer, **{"from": "192.0.2.10"})
    s.answer(["home-router", "isp", "resolver"], "203.0.113.66:53", "203.0.113.10:40001")
    s.tell("home-router", "dns.answer", **answer, **{"from": "203.0.113.66"})
    s.answer(["laptop", "home-router"], "192.168.1.1:53", "192.168.1.100:53124")
    s.tell("laptop", "dns.answer", **answer, **{"from": "192.168.1.1"})


def _ask_authority(
    s: Script, element: str, server: str, question: dict[str, str], zone: str, servers: list[str], glue: Any
) -> None:
    path = ["resolver", "isp", "transit-2", element]
    s.tell("resolver", "dns.query", server=server, **question)
    s.ask(path, "203.0.113.66:40002", f"{server}:53")
    s.tell(
        element, "dns.authoritative", zone=".", **question, rcode="NOERROR", rule="referral", answers=servers,
        ttl_s=172800,
    )  # fmt: skip
    s.answer(path, f"{server}:53", "203.0.113.66:40002")
    s.tell(
        "resolver", "dns.referral", zone=zone, name_servers=servers, glue=glue, ttl_s=172800,
        **{"from": server},
    )  # fmt: skip


def _outbound(s: Script) -> Any:
    def told(element: str, packet: str) -> str:
        match element:
            case "laptop":
                _route(s, "laptop", "198.51.100.10", "0.0.0.0/0", "192.168.1.1", "wifi")
            case "home-router":
                new = "[SYN]" in packet
                s.tell(
                    "home-router", "nat.mapping", protocol="TCP", inside=CLIENT, outside=MAPPED,
                    remote=PUBLIC, created=new, direction="out",
                )  # fmt: skip
                _route(s, "home-router", "198.51.100.10", "0.0.0.0/0", "203.0.113.1", "wan")
                return packet.replace(CLIENT, MAPPED)
            case "isp":
                _route(s, "isp", "198.51.100.10", "198.51.100.0/24", "100.64.1.1", "transit-1")
            case "transit-1":
                _route(s, "transit-1", "198.51.100.10", "198.51.100.0/24", "100.64.3.1", "aws")
            case "aws-edge":
                s.tell(
                    "aws-edge", "eip.translate", public="198.51.100.10", private="10.0.0.10", direction="in"
                )
                _route(s, "aws-edge", "10.0.0.10", "10.0.0.0/16", "169.254.255.1", "vpc")
                return packet.replace(PUBLIC, ALB)
            case "vpc":
                _into(
                    s, "10.0.0.10", "eni-0a1b000000000001a", "alb-1a", "alb", "tcp 443 from 0.0.0.0/0", MAPPED
                )
        return packet

    return told


def _into(s: Script, address: str, eni: str, port: str, group: str, rule: str, peer: str) -> None:
    s.tell(
        "vpc", "vpc.route", destination=address, route_table="public", matched="10.0.0.0/16", target="local",
        alternatives=["0.0.0.0/0 -> igw"],
    )  # fmt: skip
    s.tell("vpc", "security_group.allow", group=group, direction="ingress", rule=rule, peer=peer)
    s.tell("vpc", "eni.deliver", eni=eni, address=address, port=port)


def _inbound(s: Script) -> Any:
    def told(element: str, packet: str) -> str:
        match element:
            case "aws-edge":
                s.tell(
                    "aws-edge", "eip.translate", public="198.51.100.10", private="10.0.0.10", direction="out"
                )
                return packet.replace(ALB, PUBLIC)
            case "isp":
                _route(s, "isp", "203.0.113.10", "203.0.113.0/26", None, "customers")
            case "home-router":
                s.tell(
                    "home-router", "nat.mapping", protocol="TCP", inside=CLIENT, outside=MAPPED,
                    remote=PUBLIC, created=False, direction="in",
                )  # fmt: skip
                return packet.replace(MAPPED, CLIENT)
        return packet

    return told


def there(s: Script, rest: str, size: int = 66) -> None:
    s.send(TO_ALB, f"TCP {CLIENT} > {PUBLIC} {rest}", _outbound(s), size)


def back(s: Script, rest: str, size: int = 66) -> None:
    s.send(TO_ALB[::-1], f"TCP {ALB} > {MAPPED} {rest}", _inbound(s), size)


def open_the_connection(s: Script) -> None:
    s.tell("laptop", "tcp.connect", remote=PUBLIC)
    started_us = s.now_us
    there(s, "[SYN] len 0")
    back(s, "[SYN,ACK] len 0")
    established = {"mss_bytes": 1460, "window_scale": 7}
    handshake_ms = (s.now_us - started_us) / 1000
    s.tell(
        "laptop", "tcp.established", local=CLIENT, remote=PUBLIC, role="client", handshake_ms=handshake_ms,
        **established,
    )  # fmt: skip
    at_client_us = s.now_us
    there(s, "[ACK] len 0")
    s.tell(
        "alb-1a", "tcp.established", local=ALB, remote=MAPPED, role="server", handshake_ms=handshake_ms,
        **established,
    )  # fmt: skip
    s.now_us = at_client_us


def greet(s: Script) -> None:
    started_us = s.now_us
    there(s, "[PSH,ACK] len 517 TLS ClientHello", 583)
    s.wait(300)
    back(s, "[PSH,ACK] len 1400 TLS ServerHello", 1466)
    s.wait(250)
    common = {"version": "TLSv1.3", "cipher": "TLS_AES_128_GCM_SHA256", "server_name": "packet-journey.com"}
    s.tell(
        "laptop", "tls.established", role="client", handshake_ms=(s.now_us - started_us) / 1000,
        certificate="packet-journey.com, issued by packet-journey CA", **common,
    )  # fmt: skip


def choose_a_target(s: Script) -> None:
    url = "https://packet-journey.com/"
    s.tell("laptop", "http.request", method="GET", url=url)
    there(s, "[PSH,ACK] len 180 TLS ApplicationData", 246)
    s.wait(100)
    s.tell(
        "alb-1a", "alb.rule", listener="HTTPS:443", priority=1,
        conditions=["path-pattern is /*"],
        action="forward to nginx", evaluated=[{"priority": 1, "conditions": [], "matched": True}],
    )  # fmt: skip
    candidates = [
        {"target": "10.0.10.20:80", "outstanding": 0, "state": "healthy"},
        {"target": "10.0.10.21:80", "outstanding": 2, "state": "healthy"},
        {"target": "10.0.11.20:80", "outstanding": 0, "state": "unhealthy"},
    ]
    s.tell(
        "alb-1a", "alb.target", target_group="nginx", algorithm="least_outstanding_requests",
        candidates=candidates, chosen=POD, why="fewest outstanding requests: 0",
    )  # fmt: skip
    s.tell("alb-1a", "alb.connection", target=POD, reused=False, idle_connections=0)


def serve(s: Script) -> None:
    def told(element: str, packet: str) -> None:
        if element == "vpc":
            _into(s, "10.0.10.20", "eni-0c2d00000000000a0", "node-1", "nodes", "tcp 80 from alb", ALB_SIDE)
        if element == "node-1":
            s.tell(
                "node-1", "node.route", destination="10.0.10.20", rule="512: from all to 10.0.10.20/32 lookup main",
                table="main", matched="10.0.10.20/32", next_hop="direct", device="eni8f2a1b3c4d5",
                veth="eni8f2a1b3c4d5", alternatives=[],
            )  # fmt: skip

    started_us = s.now_us
    s.send(TO_POD, f"TCP {ALB_SIDE} > {POD} [SYN] len 0", told)
    s.send(TO_POD[::-1], f"TCP {POD} > {ALB_SIDE} [SYN,ACK] len 0")
    established = {"mss_bytes": 8961, "window_scale": 7, "handshake_ms": (s.now_us - started_us) / 1000}
    s.tell("alb-1a", "tcp.established", local=ALB_SIDE, remote=POD, role="client", **established)
    s.send(TO_POD, f"TCP {ALB_SIDE} > {POD} [PSH,ACK] len 320 HTTP GET / HTTP/1.1", told, 386)
    s.tell("nginx-0", "tcp.established", local=POD, remote=ALB_SIDE, role="server", **established)
    s.tell("nginx-0", "nginx.accept", queue=0, backlog=511, worker=0)
    s.wait(430)
    s.tell("nginx-0", "nginx.answer", status=200, bytes=615, service_ms=0.4, queued_ms=0.01, worker=0)
    s.send(TO_POD[::-1], f"TCP {POD} > {ALB_SIDE} [PSH,ACK] len 850 HTTP/1.1 200 OK", None, 916)
    s.tell("alb-1a", "alb.response", status=200, target_status=200, source="target", target_ms=0.86)


def come_back(s: Script, phases: dict[str, float]) -> None:
    began_us = s.now_us
    back(s, "[PSH,ACK] len 900 TLS ApplicationData", 966)
    s.tell("laptop", "http.response", status=200, bytes=615)
    phases["first_byte"] += (s.now_us - began_us) / 1000
    s.wait(50)
    phases["download"] = 0.05
    s.tell(
        "laptop", "journey.end", status=200, total_ms=s.now_us / 1000, phases=phases, body_bytes=615,
    )  # fmt: skip


def first_journey() -> Journey:
    """Everything cold: the DNS walk, both handshakes, one answer."""
    s = Script()
    phases: dict[str, float] = {}
    before_the_click(s)
    chapters = [("dns", find_the_address), ("tcp", open_the_connection), ("tls", greet)]
    for phase, chapter in chapters:
        began_us = s.now_us
        chapter(s)
        phases[phase] = (s.now_us - began_us) / 1000
    began_us = s.now_us
    choose_a_target(s)
    serve(s)
    phases["first_byte"] = (s.now_us - began_us) / 1000
    come_back(s, phases)
    records = sorted(s.records, key=lambda record: (record["t_ns"], record["seq"]))
    return Journey(IDENTITY, records, before=s.events, kinds=KINDS)
