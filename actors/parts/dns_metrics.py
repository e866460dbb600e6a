"""What a resolver's cache and its questions look like to Prometheus."""

from collections.abc import Awaitable, Callable

from actors.element import JOURNEY, Context
from actors.protocols.dns.cache import Cache
from actors.units import SECOND
from actors.wire import dns

Query = Callable[[bytes, dns.Message], Awaitable[dns.Message]]


def follow_cache(context: Context, resolver: str, cache: Cache) -> None:
    """Tell how often a cache knew the answer."""
    results = {
        result: context.metrics.counter("journey_dns_cache_requests_total", resolver=resolver, result=result)
        for result in ("hit", "miss")
    }

    def collect() -> None:
        results["hit"].value, results["miss"].value = cache.hits, cache.misses

    context.metrics.on_collect(collect)


class Answers:
    """Counts the responses of one resolver, and how long they took."""

    def __init__(self, context: Context, resolver: str) -> None:
        self._context, self._resolver = context, resolver
        self._took = context.metrics.histogram("journey_dns_query_duration_seconds", resolver=resolver)
        for rcode in ("NOERROR", "NXDOMAIN", "SERVFAIL"):
            context.metrics.counter("journey_dns_queries_total", resolver=resolver, rcode=rcode)

    def count(self, rcode: str, began_ns: int) -> None:
        """One more response to a query that came, or went, at this time."""
        context = self._context
        context.metrics.counter("journey_dns_queries_total", resolver=self._resolver, rcode=rcode).value += 1
        self._took.observe((context.now_ns() - began_ns) / SECOND, JOURNEY.get())


def counted(context: Context, resolver: str, query: Query) -> Query:
    """`query`, with what came of it counted; no answer counts as TIMEOUT."""
    answers = Answers(context, resolver)

    async def ask(server: bytes, message: dns.Message) -> dns.Message:
        began_ns = context.now_ns()
        try:
            response = await query(server, message)
        except OSError:
            answers.count("TIMEOUT", began_ns)
            raise
        answers.count(response.rcode().name, began_ns)
        return response

    return ask
