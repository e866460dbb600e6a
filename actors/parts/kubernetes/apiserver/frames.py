"""A watch's events as lines of JSON, in the form that the follower takes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from actors.parts.kubernetes.apiserver.registry import Registry
from actors.parts.kubernetes.apiserver.representation import TABLE, Form, as_table, partial
from actors.parts.kubernetes.apiserver.requests import Request
from actors.parts.kubernetes.apiserver.selection import News
from actors.parts.kubernetes.apiserver.store import encode
from actors.protocols.kubernetes.resources import Resource


async def frames(
    registry: Registry,
    request: Request,
    resource: Resource,
    form: Form,
    batches: AsyncGenerator[list[News], None],
) -> AsyncGenerator[list[str], None]:
    """Each event as one line. Of Tables only the first has its columns (apiserver/pkg/endpoints/handlers/response)."""
    has_columns = False
    async with aclosing(batches):
        async for batch in batches:
            lines = []
            for news in batch:
                if not form.kind or news.type == "ERROR":
                    text = news.text or encode(news.object)
                elif form.kind == TABLE:
                    table = as_table(
                        resource, news.object, form, registry.now_ns(), request, columns=not has_columns
                    )
                    has_columns = True
                    text = encode(table)
                else:
                    text = encode(partial(news.object, form))
                lines.append(f'{{"type":"{news.type}","object":{text}}}\n')
            yield lines
