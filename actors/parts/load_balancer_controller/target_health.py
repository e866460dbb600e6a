"""Which targets AWS has in a group, and how they are: asked for no more often than must be.

Source: pkg/targetgroupbinding/targets_manager.go. What was heard is good for five minutes. Targets that were healthy
then are taken to be so still; about the others AWS is asked again.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from actors.element import Context
from actors.parts.load_balancer_controller.aws import Aws, batches
from actors.parts.load_balancer_controller.endpoints import Target
from actors.parts.load_balancer_controller.vpc import Vpc
from actors.units import SECOND

Object = dict[str, Any]

GOOD_FOR_NS = 300 * SECOND
BATCH = 200
"""So many targets go into a call."""
UNKNOWN: Object = {"State": ""}


class TargetHealth:
    """Targets by group. Raises `AwsError`."""

    def __init__(self, context: Context, aws: Aws, vpc: Vpc) -> None:
        self._context, self._aws, self._vpc = context, aws, vpc
        self._heard: dict[str, tuple[int, dict[Target, Object]]] = {}

    async def list(self, arn: str) -> dict[Target, Object]:
        """The health (`State`, `Reason`, `Description`) of every target of the group."""
        now_ns = self._context.now_ns()
        heard = self._heard.get(arn)
        if heard is None or now_ns - heard[0] >= GOOD_FOR_NS:
            self._heard[arn] = now_ns, await self.ask(arn)
        else:
            doubtful = [target for target, health in heard[1].items() if health["State"] != "healthy"]
            for batch in batches(doubtful, BATCH):
                answer = await self.ask(arn, batch)
                for target in batch:
                    health = answer.get(target, {"State": "unused", "Reason": "Target.NotRegistered"})
                    if health.get("Reason") == "Target.NotRegistered":
                        heard[1].pop(target, None)
                    else:
                        heard[1][target] = health
        return dict(self._heard[arn][1])

    async def ask(self, arn: str, targets: Sequence[Target] = ()) -> dict[Target, Object]:
        """Ask AWS, past all that was heard; about all targets, or about some."""
        some = {"Targets": [each.shape() for each in targets]} if targets else {}
        answer = await self._aws.call("elbv2", "DescribeTargetHealth", TargetGroupArn=arn, **some)
        return {
            Target(each["Target"]["Id"], each["Target"]["Port"]): each["TargetHealth"]
            for each in answer["TargetHealthDescriptions"]
        }

    async def register(self, arn: str, targets: Iterable[Target], *, are_instances: bool) -> None:
        """AWS takes no time to look at new ones: until it has, they are in no known state."""
        for batch in batches(list(targets), BATCH):
            shapes = [each.shape() if are_instances else await self._shape(each) for each in batch]
            await self._aws.call("elbv2", "RegisterTargets", TargetGroupArn=arn, Targets=shapes)
            if arn in self._heard:
                self._heard[arn][1].update(dict.fromkeys(batch, UNKNOWN))

    async def _shape(self, target: Target) -> Object:
        if await self._vpc.holds(target.id):
            return target.shape()
        return {**target.shape(), "AvailabilityZone": "all"}

    async def deregister(self, arn: str, targets: Iterable[Target]) -> None:
        for batch in batches(list(targets), BATCH):
            shapes = [each.shape() for each in batch]
            await self._aws.call("elbv2", "DeregisterTargets", TargetGroupArn=arn, Targets=shapes)
            if arn in self._heard:
                for each in batch:
                    self._heard[arn][1].pop(each, None)

    def forget(self, arn: str) -> None:
        self._heard.pop(arn, None)
