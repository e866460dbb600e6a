"""The verdict of the `aws` CLI and of boto3 on AWS's API: what people type, and what they are shown."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from botocore.exceptions import ClientError

from tests.interop.aws_world import KEY, Aws, aws_world
from tests.tools import needs

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aws(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Aws]:
    async with aws_world(tmp_path_factory.mktemp("aws")) as running:
        yield running


def batch(action: str, name: str, value: str = "198.51.100.9") -> str:
    record_set = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value}]}
    return json.dumps({"Changes": [{"Action": action, "ResourceRecordSet": record_set}]})


# ---- the CLI ------------------------------------------------------------------------------------------------


@needs("aws")
async def test_the_cli_is_told_who_it_is(aws: Aws):
    identity = await aws.cli("sts", "get-caller-identity")
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == f"arn:aws:iam::123456789012:user/{KEY}"


@needs("aws")
async def test_the_cli_lists_certificates(aws: Aws):
    listed = await aws.cli("acm", "list-certificates", "--page-size", "1")
    domains = [each["DomainName"] for each in listed["CertificateSummaryList"]]
    assert domains == ["packet-journey.com", "example.org"]
    arn = listed["CertificateSummaryList"][0]["CertificateArn"]
    found = await aws.aside(lambda: aws.client("acm").get_certificate(CertificateArn=arn))
    assert found["Certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert "PRIVATE KEY" not in str(found)


@needs("aws")
async def test_the_cli_changes_a_record_waits_and_boto3_sees_it(aws: Aws):
    route53 = aws.client("route53")
    (zone,) = (await aws.aside(route53.list_hosted_zones))["HostedZones"]
    change = "change-resource-record-sets"
    made = await aws.cli(
        "route53",
        change,
        "--hosted-zone-id",
        zone["Id"],
        "--change-batch",
        batch("UPSERT", "cli.packet-journey.com"),
    )
    assert made["ChangeInfo"]["Status"] == "PENDING"
    listed = await aws.aside(lambda: route53.list_resource_record_sets(HostedZoneId=zone["Id"]))
    names = [(each["Name"], each["Type"]) for each in listed["ResourceRecordSets"]]
    assert ("cli.packet-journey.com.", "A") in names
    identity = made["ChangeInfo"]["Id"]
    while (await aws.aside(lambda: route53.get_change(Id=identity)))["ChangeInfo"]["Status"] != "INSYNC":
        await asyncio.sleep(0.1)  # the CLI's waiter would come again in half a minute
    assert await aws.cli("route53", "wait", "resource-record-sets-changed", "--id", identity) is None


@needs("aws")
async def test_what_the_cli_says_to_a_wrong_call(aws: Aws):
    assert await aws.refusal("route53", "get-hosted-zone", "--id", "ZNOPE") == (
        "An error occurred (NoSuchHostedZone) when calling the GetHostedZone operation: "
        "No hosted zone found with ID: ZNOPE"
    )


# ---- boto3 --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "service, region, operation, arguments, says",
    [
        (
            "sts",
            "eu-west-1",
            "get_session_token",
            {},
            "An error occurred (InvalidAction) when calling the GetSessionToken operation: "
            "Could not find operation GetSessionToken",
        ),
        (
            "acm",
            "us-east-1",
            "list_certificates",
            {},
            "An error occurred (SignatureDoesNotMatch) when calling the ListCertificates operation: "
            "Credential should be scoped to a valid region, not 'us-east-1'; this is eu-west-1.",
        ),
        (
            "route53",
            "eu-west-1",
            "list_resource_record_sets",
            {"HostedZoneId": "Z" * 40},
            "An error occurred (InvalidInput) when calling the ListResourceRecordSets operation: "
            f"1 validation error detected: Value '{'Z' * 40}' at 'hostedZoneId' failed to satisfy constraint: "
            "Member must have length less than or equal to 32",
        ),
    ],
    ids=["an operation that is not served", "another region", "an argument too long"],
)
async def test_what_boto3_says_to_wrong_calls(
    aws: Aws, service: str, region: str, operation: str, arguments: dict[str, str], says: str
):
    client = aws.client(service, region)
    assert await aws.refused(lambda: getattr(client, operation)(**arguments)) == says


async def test_boto3_pages_through_record_sets_and_waits_for_a_change(aws: Aws):
    def story() -> list[str]:
        route53 = aws.client("route53")
        zone = route53.list_hosted_zones_by_name(DNSName="packet-journey.com")["HostedZones"][0]["Id"]
        for number in range(4):
            changes = json.loads(batch("UPSERT", f"b{number}.packet-journey.com"))
            info = route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=changes)["ChangeInfo"]
        route53.get_waiter("resource_record_sets_changed").wait(
            Id=info["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 5}
        )
        pages = route53.get_paginator("list_resource_record_sets").paginate(
            HostedZoneId=zone, PaginationConfig={"PageSize": 2}
        )
        return [each["Name"] for page in pages for each in page["ResourceRecordSets"]]

    names = await aws.aside(story)
    assert [name for name in names if name.startswith("b")] == [
        f"b{number}.packet-journey.com." for number in range(4)
    ]


async def test_boto3_makes_a_hosted_zone_and_is_told_where_it_is(aws: Aws):
    def story() -> tuple[int, str, str]:
        made = aws.client("route53").create_hosted_zone(Name="example.org", CallerReference="once")
        status = made["ResponseMetadata"]["HTTPStatusCode"]
        return status, made["Location"], made["HostedZone"]["Id"]

    status, location, zone = await aws.aside(story)
    assert (status, location.rpartition("/")[2]) == (201, zone.rpartition("/")[2])


async def test_boto3_gets_the_errors_that_it_has_classes_for(aws: Aws):
    def story() -> ClientError:
        acm = aws.client("acm")
        with pytest.raises(acm.exceptions.ResourceNotFoundException) as caught:
            acm.describe_certificate(
                CertificateArn=f"arn:aws:acm:eu-west-1:123456789012:certificate/{'0' * 36}"
            )
        return caught.value

    error = await aws.aside(story)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error.response["ResponseMetadata"]["RequestId"]


# ---- anything else ------------------------------------------------------------------------------------------

SIGNED = (
    f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=0"
)
IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"


async def in_pieces(body: str) -> AsyncIterator[bytes]:
    """aiohttp warns of large bodies that are sent at once."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536].encode()


@pytest.mark.parametrize(
    "headers, body, status, code",
    [
        ({}, IDENTITY, 403, "MissingAuthenticationToken"),
        ({"Authorization": "Basic eA=="}, IDENTITY, 400, "IncompleteSignature"),
        ({"Authorization": SIGNED.replace("/sts", "")}, IDENTITY, 400, "IncompleteSignature"),
        ({"Authorization": SIGNED, "Origin": "https://example.org"}, IDENTITY, 403, "AccessDenied"),
        ({"Authorization": SIGNED, "Host": "example.org"}, IDENTITY, 403, "AccessDenied"),
        ({"Authorization": SIGNED}, "", 400, "MissingAction"),
        ({"Authorization": SIGNED}, "Action=Nope", 400, "InvalidAction"),
        ({"Authorization": SIGNED}, "Action=GetCallerIdentity&Version=2000-01-01", 400, "InvalidAction"),
        ({"Authorization": SIGNED}, f"{IDENTITY}&Unknown.member.1=x", 400, "MalformedInput"),
        ({"Authorization": SIGNED}, f"{IDENTITY}&a=1&a.b=2", 400, "MalformedInput"),
        ({"Authorization": SIGNED}, "Action=%ff", 400, "MalformedQueryString"),
        ({"Authorization": SIGNED}, "x" * 1_100_000, 413, "RequestEntityTooLarge"),
        ({"Authorization": SIGNED}, IDENTITY, 200, "GetCallerIdentityResult"),
        ({"Authorization": SIGNED.replace("sts", "route53")}, "<a", 404, "InvalidInput"),
        ({"Authorization": SIGNED.replace("sts", "acm")}, "{", 400, "UnknownOperationException"),
        ({"Authorization": SIGNED.replace("sts", "s3")}, "", 400, "InvalidAction"),
    ],
)
async def test_odd_requests_are_answered_in_kind(
    aws: Aws, headers: dict[str, str], body: str, status: int, code: str
):
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{aws.url}/", data=in_pieces(body), headers=form) as answer,
    ):
        text = await answer.text()
    assert (answer.status, code in text) == (status, True), text
    assert answer.headers["x-amzn-RequestId"]


async def test_a_presigned_url_is_a_signed_request(aws: Aws):
    query = f"{IDENTITY}&X-Amz-Credential={KEY}/20260101/us-east-1/sts/aws4_request&X-Amz-Signature=0"
    async with aiohttp.ClientSession() as session, session.get(f"{aws.url}/?{query}") as answer:
        assert (answer.status, KEY in await answer.text()) == (200, True)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<x/>",
        '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes/><Changes/></ChangeBatch>"
        "</ChangeResourceRecordSetsRequest>",
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Nope/></ChangeBatch></ChangeResourceRecordSetsRequest>",
    ],
)
async def test_a_change_batch_that_is_none_is_refused(aws: Aws, body: str):
    headers = {"Authorization": SIGNED.replace("sts", "route53")}
    url = f"{aws.url}/2013-04-01/hostedzone/ZNOPE/rrset/"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
        assert (answer.status, "<Code>InvalidInput</Code>" in await answer.text()) == (400, True)
