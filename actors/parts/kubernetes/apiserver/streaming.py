"""A watch as a stream: what is there, if that was asked for, and what happens, with bookmarks, until it times out."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from actors.element import Context
from actors.parts.kubernetes.apiserver.requests import Object, Request
from actors.parts.kubernetes.apiserver.watching import News, Watch
from actors.protocols.kubernetes.resources import Resource
from actors.protocols.kubernetes.status import ApiError
from actors.units import SECOND

MIN_REQUEST_TIMEOUT_S = 1800
"""A watch that names no timeout ends after this, or up to twice as late (kube-apiserver --min-request-timeout)."""
BOOKMARK_S = 60.0
LAST_BOOKMARK_S = 2.0
"""A bookmark comes so long before the end, so that the next watch can begin there."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class StreamOptions(NamedTuple):
    """What a watch request says beside its selection and its place."""

    timeout_s: float
    bookmarks: bool
    ends_initial_events: bool
    """A bookmark tells when the objects that were there have been told."""

    @classmethod
    def of(cls, request: Request, context: Context) -> "StreamOptions":
        """Raises `ApiError` 400 or 422."""
        timeout_s = request.number("timeoutSeconds")
        if not timeout_s:
            timeout_s = int(MIN_REQUEST_TIMEOUT_S * (1 + context.random.random()))
        initial = sends_initial_events(request)
        bookmarks = request.flag("allowWatchBookmarks")
        return cls(float(timeout_s), bookmarks, bool(initial) and bookmarks)


def sends_initial_events(request: Request) -> bool | None:
    """`sendInitialEvents`; None where it is not said. Raises `ApiError` 422."""
    said, match = request.query.get("sendInitialEvents", ""), request.query.get("resourceVersionMatch", "")
    if not said:
        if match:
            raise _invalid("resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        return None
    if match != "NotOlderThan":
        raise _invalid("sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    return request.flag("sendInitialEvents")


def _invalid(why: str) -> ApiError:
    message = f"resourceVersionMatch: Forbidden: {why}"
    return ApiError(422, f'ListOptions.meta.k8s.io "" is invalid: {message}', "Invalid")


async def stream(
    context: Context, resource: Resource, watch: Watch, first: list[News], options: StreamOptions
) -> AsyncGenerator[list[News], None]:
    """The events, as many at a time as there are. Ends when the time is over, or after an ERROR."""
    if first:
        yield first
    if options.ends_initial_events:
        yield [_bookmark(resource, watch.revision, {INITIAL_EVENTS_END: "true"})]
    now_ns = context.now_ns()
    end_ns = now_ns + int(options.timeout_s * SECOND)
    last_mark_ns = end_ns - int(LAST_BOOKMARK_S * SECOND)
    mark_ns = min(now_ns + int(BOOKMARK_S * SECOND), last_mark_ns) if options.bookmarks else end_ns
    while (now_ns := context.now_ns()) < end_ns:
        try:
            news = watch.news()
        except ApiError as error:
            yield [News("ERROR", error.status(), None)]
            return
        if options.bookmarks and now_ns >= mark_ns:
            later_ns = min(now_ns + int(BOOKMARK_S * SECOND), last_mark_ns)
            mark_ns = later_ns if later_ns > now_ns else end_ns
            news = [*news, _bookmark(resource, watch.revision)]
        if news:
            yield news
        else:
            await watch.wait((min(mark_ns, end_ns) - now_ns) / SECOND)


def _bookmark(resource: Resource, revision: int, annotations: dict[str, str] | None = None) -> News:
    metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    head = {"kind": resource.kind, "apiVersion": resource.group_version}
    return News("BOOKMARK", {**head, "metadata": metadata}, None)
