"""The controller's way to AWS: calls that are counted, whole listings, tags, waiting for what AWS is slow to let go of.

Metrics are the controller's own (aws-load-balancer-controller: pkg/aws/metrics, pkg/metrics).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from actors.element import Context
from actors.parts.aws.client import AwsClient
from actors.protocols.aws.errors import AwsError
from actors.units import SECOND

Object = dict[str, Any]
Item = TypeVar("Item")

CALLER = "aws-load-balancer-controller"
SERVICES = {"elbv2": "Elastic Load Balancing v2", "ec2": "EC2", "acm": "ACM"}
TAGS_AT_ONCE = 20
"""ARNs that DescribeTags takes in one call."""
POLL_S = 2.0
"""How often something is deleted again that is still in use (pkg/deploy: defaultWaitSGDeletionPollInterval)."""
PATIENCE_S = 120.0


class Aws:
    """Calls raise `AwsError`, whose text names the operation as AWS's SDK does."""

    def __init__(self, context: Context, aws_api: str) -> None:
        self._context = context
        self._client = AwsClient(context, aws_api, CALLER)

    async def call(self, service: str, operation: str, **parameters: Any) -> Object:
        began_ns, code = self._context.now_ns(), ""
        try:
            return await self._client.request(service, operation, **parameters)
        except AwsError as error:
            code = error.code
            words = f"operation error {SERVICES.get(service, service)}: {operation}"
            error.args = (f"{words}, api error {error.code}: {error.message}",)
            raise
        finally:
            self._count(service, operation, code, (self._context.now_ns() - began_ns) / SECOND)

    def _count(self, service: str, operation: str, code: str, seconds: float) -> None:
        counter, labels = self._context.metrics.counter, {"service": service, "operation": operation}
        status = "200" if not code else "400"
        counter("aws_api_calls_total", **labels, status_code=status, error_code=code).value += 1
        took = self._context.metrics.histogram(
            "aws_api_call_duration_seconds", service=service, operation=operation
        )
        took.observe(seconds)

    async def all(self, service: str, operation: str, key: str, **parameters: Any) -> list[Object]:
        """Every item of a listing, page after page."""
        found: list[Object] = []
        ask, told = ("Marker", "NextMarker") if service == "elbv2" else ("NextToken", "NextToken")
        page: Object = {}
        while True:
            answer = await self.call(service, operation, **parameters, **page)
            found += answer.get(key) or []
            if not answer.get(told):
                return found
            page = {ask: answer[told]}

    async def tags(self, arns: Sequence[str]) -> dict[str, dict[str, str]]:
        """The tags of load balancers, target groups, listeners or rules, by ARN."""
        found: dict[str, dict[str, str]] = {}
        for batch in batches(arns, TAGS_AT_ONCE):
            answer = await self.call("elbv2", "DescribeTags", ResourceArns=list(batch))
            for each in answer["TagDescriptions"]:
                found[each["ResourceArn"]] = {tag["Key"]: tag["Value"] for tag in each.get("Tags") or ()}
        return found

    async def set_tags(self, arn: str, had: dict[str, str], wanted: dict[str, str]) -> None:
        """Bring the tags of a thing of ELBv2 to what they should be; AWS's own stay."""
        gone = [key for key in had if key not in wanted and not key.startswith("aws:")]
        if gone:
            await self.call("elbv2", "RemoveTags", ResourceArns=[arn], TagKeys=gone)
        new = {key: value for key, value in wanted.items() if had.get(key) != value}
        if new:
            await self.call("elbv2", "AddTags", ResourceArns=[arn], Tags=tag_list(new))

    async def until_free(
        self, codes: Iterable[str], service: str, operation: str, gone: Iterable[str], **parameters: Any
    ) -> None:
        """Delete something that others may still use for a while (`codes`); one that is `gone` already is fine."""
        waited_s = 0.0
        while True:
            try:
                await self.call(service, operation, **parameters)
                return
            except AwsError as error:
                if error.code in gone:
                    return
                if error.code not in codes or waited_s >= PATIENCE_S:
                    raise
            await self._context.sleep(POLL_S)
            waited_s += POLL_S


def tag_list(tags: dict[str, str]) -> list[Object]:
    """As the API takes them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
