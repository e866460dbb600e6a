"""A client of AWS's API for elements: over the management network, under either clock.

How this works. The `aws` CLI and other programs speak HTTP to the element `aws_api`; elements put the same operations
and parameters, in botocore's shape, into management calls, and get the same answers. What an element has to keep up
with (a load balancer node: its listeners and targets) it follows as a topic: a set of items by key, asked for by long
polls that are answered when something in it has changed.
"""

from collections.abc import Callable
from typing import Any, Never

from actors.element import CallFailed, Context
from actors.protocols.aws.errors import AwsError

REQUEST_ERROR = "RequestError"
"""The code when nobody has answered; AWS's SDK for Go calls it so."""

WATCH_S = 15.0
"""How long a poll waits for news; less than what a management call may take."""
RETRY_S = 0.2
"""Between polls while aws_api is away."""

Items = dict[str, Any]
Changed = Callable[[Items, set[str]], None]
"""Is told of all items as they are now, and of the keys whose items have come, changed or gone."""


class AwsClient:
    """Requests to AWS. They raise `AwsError`, with code `RequestError` while aws_api is away."""

    def __init__(self, context: Context, aws_api: str, caller: str) -> None:
        """`caller` is who asks (`aws-load-balancer-controller`), for the journal and AWS's own logs."""
        self._context, self._aws_api, self._caller = context, aws_api, caller

    async def request(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Any operation of a service, both named as botocore does (`elbv2`, `RegisterTargets`); the answer's fields."""
        try:
            answer = await self._context.call(
                self._aws_api,
                "request",
                service=service,
                operation=operation,
                parameters=parameters,
                caller=self._caller,
            )
        except CallFailed as failed:
            raise AwsError(REQUEST_ERROR, f"send request failed\ncaused by: {failed}", 503) from None
        assert isinstance(answer, dict)
        if (error := answer.get("error")) is not None:
            raise AwsError.of(error)
        return answer


async def follow(context: Context, aws_api: str, topic: str, changed: Changed) -> Never:
    """Keep a copy of a topic's items for ever, and tell of every change; keeps what it has while aws_api is away.

    `changed` is told once in the beginning even if there are no items."""
    items: Items = {}
    version: str | None = None
    while True:
        try:
            answer = await context.call(aws_api, "watch", topic=topic, since=version, timeout_s=WATCH_S)
        except CallFailed:
            await context.sleep(RETRY_S)
            continue
        first, version = version is None, answer["version"]
        keys = update(items, answer)
        if keys or first:
            changed(items, keys)


def update(items: Items, answer: dict[str, Any]) -> set[str]:
    """Bring the copy up to date with an answer to `watch`; returns the keys of what is not as it was."""
    news: Items = answer["items"]
    keys = {key for key, value in news.items() if value != items.get(key)}
    if answer["whole"]:
        keys |= items.keys() - news.keys()
    for key in keys:
        if (value := news.get(key)) is None:
            items.pop(key, None)
        else:
            items[key] = value
    return keys
