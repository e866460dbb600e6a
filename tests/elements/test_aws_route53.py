"""Route 53: what its API says, and when its name servers answer by it."""

from pathlib import Path
from typing import Any

import pytest

from actors.parts.aws_api.models import model
from actors.protocols.aws.checks import check
from actors.protocols.aws.errors import AwsError
from actors.protocols.dns.answer import from_response
from actors.wire import dns
from tests.elements.aws_bed import World
from tests.elements.hub import join
from tests.elements.test_dns_server import BALANCER, ZONES, Host, server

ZONE_FILE = str(ZONES / "packet-journey.com.zone")
NAME_SERVER = "192.0.2.10"
ZONE = "packet-journey.com."
CNAME_LINE = f"CNAME {BALANCER}"


class Zoned(World):
    """AWS's API, a name server that follows it, and a host that asks."""

    def __init__(self, directory: Path | None = None, **config: Any) -> None:
        super().__init__(directory, hosted_zones=[ZONE_FILE], **config)
        self.net.add("route53", "dns_server", server(NAME_SERVER, authoritative={"aws_api": "aws-api"}))
        self.net.add_element("host", lambda context: Host(context, "192.0.2.100/24"))
        join(self.net, ("route53", "eth0"), ("host", "eth0"))

    async def dig(self, name: str, rdtype: str = "A") -> tuple[str, list[str]]:
        response = await self.net.element("host").dig(name, NAME_SERVER, dns.Type[rdtype])
        answer = from_response(dns.name(name), dns.Type[rdtype], response)
        return response.rcode().name, answer.texts()

    async def request(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        described = model(service).operation(operation)
        assert described is not None
        check(described, parameters)
        return await super().request(service, operation, **parameters)

    async def zone_id(self) -> str:
        (zone,) = (await self.request("route53", "ListHostedZones"))["HostedZones"]
        return str(zone["Id"])

    async def change(self, *changes: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": each} for action, each in changes]}
        zone = (await self.zone_id()).removeprefix("/hostedzone/")
        output = await self.request(
            "route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch
        )
        return dict(output["ChangeInfo"])


def play(story: Any, directory: Path | None = None, **config: Any) -> Zoned:
    world = Zoned(directory, **config)
    world.net.run(story(world))
    return world


def a(name: str, *addresses: str, ttl: int = 300, kind: str = "A") -> dict[str, Any]:
    records = [{"Value": address} for address in addresses]
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": records}


def alias(name: str, target: str, zone: str = "Z32O12XQLNTSW2") -> dict[str, Any]:
    target_of = {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": True}
    return {"Name": name, "Type": "A", "AliasTarget": target_of}


def test_the_zone_file_is_adopted_and_served():
    async def story(world: Zoned) -> None:
        zone = await world.zone_id()
        listed = await world.request("route53", "ListResourceRecordSets", HostedZoneId=zone.split("/")[2])
        assert [(each["Name"], each["Type"], each["TTL"]) for each in listed["ResourceRecordSets"]] == [
            (ZONE, "CNAME", 300),
            (ZONE, "NS", 172_800),
            (ZONE, "SOA", 900),
            (f"www.{ZONE}", "CNAME", 300),
        ]
        assert await world.dig("www.packet-journey.com", "CNAME") == ("NOERROR", ["CNAME packet-journey.com"])
        assert await world.dig("www.packet-journey.com") == (
            "NOERROR",
            ["CNAME packet-journey.com", CNAME_LINE],
        )

    play(story)


def test_a_change_is_listed_at_once_and_served_when_it_is_in_sync():
    async def story(world: Zoned) -> None:
        info = await world.change(("CREATE", a("api.packet-journey.com", "198.51.100.9")))
        change = info["Id"].removeprefix("/change/")
        assert info["Status"] == "PENDING"
        assert await world.dig("api.packet-journey.com") == ("NXDOMAIN", [])
        await world.sleep(58)
        assert await world.dig("api.packet-journey.com") == ("NXDOMAIN", [])
        await world.sleep(3)
        assert (await world.request("route53", "GetChange", Id=change))["ChangeInfo"]["Status"] == "INSYNC"
        assert await world.dig("api.packet-journey.com") == ("NOERROR", ["198.51.100.9"])

    play(story)


def test_a_pending_change_survives_a_kill(tmp_path: Path):
    async def story(world: Zoned) -> None:
        await world.change(("UPSERT", a("www.packet-journey.com", "packet-journey.com", ttl=5, kind="CNAME")))
        await world.change(("CREATE", a("a.packet-journey.com", "198.51.100.9")))
        await world.net.host("aws-api").die()
        await world.net.restart("aws-api")
        await world.sleep(10)
        assert await world.dig("a.packet-journey.com") == ("NXDOMAIN", [])
        await world.sleep(51)
        assert await world.dig("a.packet-journey.com") == ("NOERROR", ["198.51.100.9"])

    play(story, tmp_path)


def test_a_name_server_that_starts_while_the_api_is_away_serves_what_it_knew(tmp_path: Path):
    async def story(world: Zoned) -> None:
        world.plane.dns.set_addresses(BALANCER, ["198.51.100.10"])
        await world.sleep(0.1)
        await world.net.host("aws-api").die()
        await world.net.restart("route53")
        assert await world.dig(BALANCER) == ("NOERROR", ["198.51.100.10"])
        assert await world.dig("packet-journey.com") == ("NOERROR", [CNAME_LINE])

    play(story, tmp_path)


def test_an_alias_answers_with_the_load_balancers_addresses_and_follows_them():
    async def story(world: Zoned) -> None:
        world.plane.dns.set_addresses(BALANCER, ["198.51.100.10"])
        cname = a("packet-journey.com", f"{BALANCER}.", kind="CNAME")
        await world.change(("DELETE", cname), ("CREATE", alias("packet-journey.com", BALANCER)))
        await world.sleep(61)
        assert await world.dig("packet-journey.com") == ("NOERROR", ["198.51.100.10"])
        assert await world.dig("packet-journey.com", "AAAA") == ("NOERROR", [])
        world.plane.dns.set_addresses(BALANCER, ["198.51.100.20"])
        await world.sleep(0.1)
        assert await world.dig("packet-journey.com") == ("NOERROR", ["198.51.100.20"])
        world.plane.dns.set_addresses(BALANCER, [])
        await world.sleep(0.1)
        assert await world.dig("packet-journey.com") == ("NOERROR", [])
        assert await world.dig(BALANCER) == ("NXDOMAIN", [])

    play(story)


@pytest.mark.parametrize(
    "change, code, says",
    [
        (
            ("CREATE", a("www.packet-journey.com", "x.", kind="CNAME")),
            "InvalidChangeBatch",
            "[Tried to create resource record set [name='www.packet-journey.com.', type='CNAME'] "
            "but it already exists]",
        ),
        (
            ("DELETE", a("x.packet-journey.com", "10.0.0.1")),
            "InvalidChangeBatch",
            "[Tried to delete resource record set [name='x.packet-journey.com.', type='A'] but it was not found]",
        ),
        (
            ("DELETE", a("www.packet-journey.com", "packet-journey.com.", ttl=301, kind="CNAME")),
            "InvalidChangeBatch",
            "[Tried to delete resource record set [name='www.packet-journey.com.', type='CNAME'] "
            "but the values provided do not match the current values]",
        ),
        (
            ("UPSERT", a("packet-journey.com", "x.", kind="CNAME")),
            "InvalidChangeBatch",
            "[RRSet of type CNAME with DNS name packet-journey.com. is not permitted at apex in zone "
            "packet-journey.com.]",
        ),
        (
            ("CREATE", a("www.packet-journey.com", "10.0.0.1")),
            "InvalidChangeBatch",
            "[RRSet of type A with DNS name www.packet-journey.com. is not permitted because a conflicting RRSet "
            "of type  CNAME with the same DNS name already exists in zone packet-journey.com.]",
        ),
        (
            ("CREATE", a("example.org", "10.0.0.1")),
            "InvalidChangeBatch",
            "[RRSet with DNS name example.org. is not permitted in zone packet-journey.com.]",
        ),
        (
            ("CREATE", a("x.packet-journey.com", "10.0.0.256")),
            "InvalidChangeBatch",
            "[Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) "
            "encountered with '10.0.0.256']",
        ),
        (
            ("CREATE", {"Name": "x.packet-journey.com", "Type": "A", "TTL": 5}),
            "InvalidInput",
            "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or "
            "TrafficPolicyInstanceId], but found none in Change with [Action=CREATE, Name=x.packet-journey.com., "
            "Type=A, SetIdentifier=null]",
        ),
        (
            ("CREATE", alias("x.packet-journey.com", "example.org")),
            "InvalidChangeBatch",
            "[Tried to create an alias that targets example.org., type A in zone Z32O12XQLNTSW2, "
            "but the alias target name does not lie within the target zone]",
        ),
        (
            ("DELETE", a(ZONE, "ns-1.awsdns-01.com.", ttl=172_800, kind="NS")),
            "InvalidChangeBatch",
            "[A HostedZone must contain at least one NS record for the zone itself.]",
        ),
        (
            ("CREATE", {**a("x.packet-journey.com", "10.0.0.1"), "SetIdentifier": "one", "Weight": 5}),
            "InvalidInput",
            "Invalid request: SetIdentifier in Change with [Action=CREATE, Name=x.packet-journey.com., Type=A, "
            "SetIdentifier=null]: only simple routing is available here",
        ),
        (
            ("MOVE", a("x.packet-journey.com", "10.0.0.1")),
            "InvalidInput",
            "1 validation error detected: Value 'MOVE' at 'changeBatch.changes.1.member.action' failed to satisfy "
            "constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]",
        ),
    ],
)
def test_what_route_53_refuses(change: tuple[str, dict[str, Any]], code: str, says: str):
    async def story(world: Zoned) -> None:
        before = await world.request("route53", "ListHostedZones")
        with pytest.raises(AwsError) as caught:
            await world.change(change)
        assert (caught.value.code, caught.value.message) == (code, says)
        assert await world.request("route53", "ListHostedZones") == before

    play(story)


def test_a_batch_is_made_as_a_whole_or_not_at_all():
    async def story(world: Zoned) -> None:
        good = ("CREATE", a("one.packet-journey.com", "10.0.0.1"))
        with pytest.raises(AwsError):
            await world.change(good, ("CREATE", a("two.packet-journey.com", "nonsense")))
        zone = (await world.zone_id()).split("/")[2]
        listed = await world.request("route53", "ListResourceRecordSets", HostedZoneId=zone)
        assert len(listed["ResourceRecordSets"]) == 4

    play(story)


def test_a_hosted_zone_comes_and_goes():
    async def story(world: Zoned) -> None:
        made = await world.request("route53", "CreateHostedZone", Name="Example.org", CallerReference="one")
        zone = made["HostedZone"]["Id"].split("/")[2]
        assert made["DelegationSet"]["NameServers"] == ["ns-1.awsdns-01.com"]
        await world.sleep(0.1)
        assert await world.dig("example.org", "NS") == ("NOERROR", ["NS ns-1.awsdns-01.com"])
        with pytest.raises(AwsError, match="HostedZoneAlreadyExists"):
            await world.request("route53", "CreateHostedZone", Name="example.net", CallerReference="one")
        named = await world.request("route53", "ListHostedZonesByName", DNSName="example.org")
        assert [each["Name"] for each in named["HostedZones"]] == ["example.org."]
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": a("*.example.org", "10.0.0.1")}]}
        await world.request("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch)
        await world.sleep(61)
        assert await world.dig("any.example.org") == ("NOERROR", ["10.0.0.1"])
        with pytest.raises(AwsError, match="HostedZoneNotEmpty"):
            await world.request("route53", "DeleteHostedZone", Id=zone)
        batch["Changes"][0]["Action"] = "DELETE"
        await world.request("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch=batch)
        await world.request("route53", "DeleteHostedZone", Id=zone)
        await world.sleep(61)
        assert (await world.dig("example.org", "NS"))[0] == "REFUSED"
        with pytest.raises(AwsError, match="NoSuchHostedZone"):
            await world.request("route53", "GetHostedZone", Id=zone)

    play(story)


def test_lists_come_in_pages():
    async def story(world: Zoned) -> None:
        zone = (await world.zone_id()).split("/")[2]
        await world.change(*(("CREATE", a(f"h{n}.packet-journey.com", "10.0.0.1")) for n in range(5)))
        names, more = [], {}
        while True:
            page = await world.request(
                "route53", "ListResourceRecordSets", HostedZoneId=zone, MaxItems="2", **more
            )
            names += [(each["Name"], each["Type"]) for each in page["ResourceRecordSets"]]
            if not page["IsTruncated"]:
                break
            more = {"StartRecordName": page["NextRecordName"], "StartRecordType": page["NextRecordType"]}
        assert len(names) == len(set(names)) == 9
        assert names[:2] == [(ZONE, "CNAME"), (ZONE, "NS")]

    play(story)


def test_hosted_zones_have_tags(tmp_path: Path):
    async def story(world: Zoned) -> None:
        zone = (await world.zone_id()).split("/")[2]
        which = {"ResourceType": "hostedzone", "ResourceId": zone}
        tags = [{"Key": "team", "Value": "web"}, {"Key": "stage", "Value": "test"}]
        await world.request("route53", "ChangeTagsForResource", **which, AddTags=tags)
        await world.request("route53", "ChangeTagsForResource", **which, RemoveTagKeys=["stage"])
        await world.net.host("aws-api").die()
        await world.net.restart("aws-api")
        listed = await world.request("route53", "ListTagsForResource", **which)
        assert listed["ResourceTagSet"] == {**which, "Tags": tags[:1]}
        with pytest.raises(AwsError, match="NoSuchHostedZone"):
            await world.request(
                "route53", "ListTagsForResource", ResourceType="hostedzone", ResourceId="ZNOPE"
            )

    play(story, tmp_path)
