"""A client of AWS's control plane for elements: over the management network, under either clock."""

from collections.abc import Callable, Collection
from typing import Any, Never

from actors.element import CallFailed, Context

WATCH_S = 15.0
RETRY_S = 0.2

Items = dict[str, Any]


async def follow(
    context: Context, aws_api: str, topic: str, changed: Callable[[Items, Collection[str]], None]
) -> Never:
    """Keep a copy of a topic's items for ever; `changed(items, keys)` is called after every change."""
    items: Items = {}
    version: str | None = None
    while True:
        try:
            news = await context.call(aws_api, "watch", topic=topic, since=version, timeout_s=WATCH_S)
        except CallFailed:
            await context.sleep(RETRY_S)
            continue
        version = news["version"]
        told: Items = dict(news["items"])
        if news["whole"]:
            told.update((key, None) for key in items if key not in told)
        keys = [key for key, value in told.items() if items.get(key) != value]
        for key in keys:
            if told[key] is None:
                items.pop(key, None)
            else:
                items[key] = told[key]
        if keys:
            changed(items, keys)
