"""The plane of AWS's API: requests and their time, topics that are followed, and what survives a kill."""

from pathlib import Path
from typing import Any

import pytest

from actors.parts.aws.client import follow
from actors.protocols.aws.errors import AwsError
from tests.elements.aws_bed import World, play

NAME = "web-1234567890.eu-west-1.elb.amazonaws.com"


def test_who_asks_is_told_who_it_is():
    async def story(world: World) -> None:
        answer = await world.request("sts", "GetCallerIdentity")
        assert answer["Arn"] == "arn:aws:sts::123456789012:assumed-role/tester/tester"
        assert answer["Account"] == "123456789012"

    play(story)


def test_a_request_takes_its_time_and_is_written_down():
    async def story(world: World) -> None:
        await world.request("sts", "GetCallerIdentity")

    world = play(story, control_plane={"latency": {"sts": {"GetCallerIdentity": "70ms"}}})
    (event,) = [record for record in world.net.journal if record["kind"] == "aws.request"]
    told = {key: event[key] for key in ("service", "operation", "caller", "duration_ms")}
    assert told == {
        "service": "sts",
        "operation": "GetCallerIdentity",
        "caller": "tester",
        "duration_ms": 70.0,
    }
    assert "error" not in event


@pytest.mark.parametrize(
    "service, operation, code",
    [("sts", "GetSessionToken", "InvalidAction"), ("s3", "ListBuckets", "InvalidAction")],
)
def test_what_is_not_there_is_refused(service: str, operation: str, code: str):
    async def story(world: World) -> None:
        with pytest.raises(AwsError) as caught:
            await world.request(service, operation)
        assert caught.value.code == code

    play(story)


def follower(world: World, topic: str) -> tuple[dict[str, Any], list[list[str]]]:
    items: dict[str, Any] = {}
    told: list[list[str]] = []

    def changed(now: dict[str, Any], keys: set[str]) -> None:
        items.clear()
        items.update(now)
        told.append(sorted(keys))

    world.spawn(follow(world.net.host("tester"), "aws-api", topic, changed))
    return items, told


def test_a_follower_is_told_of_each_change_once():
    async def story(world: World) -> None:
        items, told = follower(world, "shelf")
        await world.sleep(0.1)
        topic = world.plane.topics.topic("shelf")
        topic.put("a", 1)
        topic.put("b", 2)
        await world.sleep(0.1)
        topic.put("a", 1)
        topic.delete("b")
        await world.sleep(40)
        topic.replace({"a": 1, "c": 3})
        await world.sleep(0.1)
        assert (items, told) == ({"a": 1, "c": 3}, [[], ["a", "b"], ["b"], ["c"]])

    play(story)


def test_a_follower_keeps_what_it_has_while_nobody_answers_and_catches_up_after(tmp_path: Path):
    async def story(world: World) -> None:
        world.plane.dns.set_addresses(NAME, ["198.51.100.10"])
        world.plane.topics.topic("zones").put("gone.", {})
        items, told = follower(world, "zones")
        await world.sleep(0.1)
        before = dict(items)
        await world.net.host("aws-api").die()
        await world.sleep(5)
        assert items == before
        await world.net.restart("aws-api")
        await world.sleep(1)
        assert items.keys() == before.keys() - {"gone."}
        assert items["elb.amazonaws.com."]["record_sets"][-1]["ResourceRecords"] == [
            {"Value": "198.51.100.10"}
        ]
        assert told == [["elb.amazonaws.com.", "gone."], ["gone."]]

    play(story, tmp_path)


def test_a_request_that_is_refused_leaves_nothing_behind(tmp_path: Path):
    async def story(world: World) -> None:
        table = world.plane.store.table("shelf")
        table.put("a", {"n": 1})

        def break_off(parameters: dict[str, Any]) -> dict[str, Any]:
            table.put("a", {"n": 2})
            table.put("b", {})
            raise AwsError("Broken", "no more")

        world.plane.services["sts"].operations = {"Break": break_off}
        with pytest.raises(AwsError, match="Broken"):
            await world.request("sts", "Break")
        assert table.items() == [("a", {"n": 1})]
        await world.net.restart("aws-api")
        assert world.plane.store.table("shelf").items() == [("a", {"n": 1})]

    play(story, tmp_path)


def test_with_throttling_a_bucket_is_emptied_and_filled_again():
    async def story(world: World) -> list[str]:
        codes = []
        for pause in [0.0] * 7 + [1.0]:
            await world.sleep(pause)
            try:
                await world.request("route53", "GetHostedZoneCount")
                codes.append("OK")
            except AwsError as error:
                codes.append(error.code)
        return codes

    answers: list[str] = []

    async def told(world: World) -> None:
        answers.extend(await story(world))

    fast = {"latency": {"route53": {"default": "1us"}}}
    play(told, control_plane={**fast, "throttling": True})
    assert answers == ["OK"] * 5 + ["Throttling"] * 2 + ["OK"]
    answers.clear()
    play(told, control_plane=fast)
    assert answers == ["OK"] * 8


def test_a_caller_that_finds_nobody_gets_an_error_of_its_own():
    async def story(world: World) -> None:
        await world.net.host("aws-api").die()
        with pytest.raises(AwsError) as caught:
            await world.request("sts", "GetCallerIdentity")
        assert caught.value.code == "RequestError"

    play(story)


def test_acm_has_a_certificate_for_each_domain():
    async def story(world: World) -> None:
        listed = await world.request("acm", "ListCertificates", MaxItems=1)
        (one,) = listed["CertificateSummaryList"]
        assert one["CertificateArn"] == (
            "arn:aws:acm:eu-west-1:123456789012:certificate/fba175fe-d809-5f0c-9e90-6b640e739110"
        )
        assert listed["NextToken"]
        described = await world.request("acm", "DescribeCertificate", CertificateArn=one["CertificateArn"])
        assert described["Certificate"]["DomainName"] == "packet-journey.com"
        with pytest.raises(AwsError, match="ResourceNotFoundException"):
            await world.request("acm", "DescribeCertificate", CertificateArn="arn:aws:acm:x")

    play(story, certificates=["packet-journey.com", "example.org"])
