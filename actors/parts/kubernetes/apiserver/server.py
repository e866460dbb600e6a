"""The API server without a transport: a request in, an answer out.

The way of a request: who may (authorization.py), what is it about (requests.py), the handler of that verb (reading.py,
writing.py, patching.py, deleting.py, subresources.py), and the form that the answer takes (representation.py).
"""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from actors.element import Context
from actors.parts.kubernetes.apiserver import errors, subresources
from actors.parts.kubernetes.apiserver.authorization import authorize
from actors.parts.kubernetes.apiserver.documents import answer_document
from actors.parts.kubernetes.apiserver.expiry import expire_events
from actors.parts.kubernetes.apiserver.foundations import lay_foundations
from actors.parts.kubernetes.apiserver.frames import frames
from actors.parts.kubernetes.apiserver.namespaces import NamespaceFinalizer
from actors.parts.kubernetes.apiserver.objects import answer_collection, answer_object
from actors.parts.kubernetes.apiserver.operators import Operators
from actors.parts.kubernetes.apiserver.options import Options
from actors.parts.kubernetes.apiserver.registry import Limits, Registry
from actors.parts.kubernetes.apiserver.representation import PARTIAL, TABLE, Form, negotiate
from actors.parts.kubernetes.apiserver.requests import Request, Response, Target, target_of, verb_of
from actors.parts.kubernetes.apiserver.selection import News, selection_of
from actors.parts.kubernetes.apiserver.store import Event, Store
from actors.parts.kubernetes.apiserver.streaming import StreamOptions, sends_initial_events, stream
from actors.parts.kubernetes.apiserver.watching import Watch, Watches, described, parse_revision
from actors.parts.kubernetes.apiserver.webhooks import Webhook, Webhooks
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError

VERBS_TOLD = {"list": "LIST", "watch": "WATCH", "deletecollection": "DELETECOLLECTION"}
"""The verbs of `apiserver_request_total` that are not the methods themselves."""


class ApiServer:
    """Everything behind the transports."""

    def __init__(self, context: Context, limits: Limits, webhooks: tuple[Webhook, ...] = ()) -> None:
        path = context.directory / "kube-api.db" if context.directory.is_dir() else None
        self.context = context
        self.store = Store(path, context.unix_ns)
        self.registry = Registry(context, self.store, limits)
        self.store.listeners.append(self._count_objects)
        self._webhooks = Webhooks(context, self.store, webhooks)
        self.watches = Watches(self.store, context.metrics)
        self._operators = Operators(self.store)

    def start(self) -> None:
        """Make what every cluster has from its first start, and begin the work that nobody asks for."""
        lay_foundations(self.registry)
        self.context.spawn(NamespaceFinalizer(self.registry).run(), "namespaces")
        self.context.spawn(expire_events(self.registry), "event TTL")

    async def handle(self, request: Request) -> Response:
        """Answer a request that is no watch."""
        target = target_of(request.path)
        try:
            authorize(request)
            before = self._operators.before(request, target)
            response = answer_document(request) if target is None else await self._answer(request, target)
            if before is not None and target is not None and response.code < 300:
                for done in self._operators.done(before, target):
                    by = Options.of(request).manager
                    self.context.event(done.kind, target=done.target, **done.fields, by=by)
        except ApiError as error:
            response = Response(error.code, error.status())
        except RecursionError:
            too_deep = errors.bad_request("the body of the request is nested too deeply")
            response = Response(too_deep.code, too_deep.status())
        self._count(request, target, response.code)
        return response

    async def _answer(self, request: Request, target: Target) -> Response:
        if target.subresource and not target.resource.subresource(target.subresource):
            raise errors.NO_PATH
        if target.subresource not in (None, "status"):
            return await subresources.answer(self.registry, request, target)
        if target.name:
            return answer_object(self.registry, request, target)
        body = await self._webhooks.mutate(request, target)
        request = request if body is request.body else replace(request, body=body)
        return answer_collection(self.registry, request, target)

    def _count(self, request: Request, target: Target | None, code: int) -> None:
        verb, resource, part = request.method, "", ""
        if target is not None:
            resource, part = target.resource.plural, target.subresource or ""
            verb = VERBS_TOLD.get(verb_of(request.method, target, request.flag("watch")), request.method)
        counter = self.context.metrics.counter
        labels = {"verb": verb, "resource": resource, "subresource": part, "code": str(code)}
        counter("apiserver_request_total", **labels).value += 1

    def _count_objects(self, event: Event) -> None:
        if event.type != "MODIFIED":
            gauge = self.context.metrics.gauge(
                "apiserver_storage_objects", resource=BY_KIND[event.kind].qualified
            )
            gauge.value = self.store.count(event.kind)

    # ---- watches --------------------------------------------------------------------------------------------

    def open_watch(self, request: Request) -> tuple[Watch, list[News]]:
        """A watch from where the request says, and what is to be told first. Raises `ApiError`."""
        authorize(request)
        target = target_of(request.path)
        if target is None or target.subresource:
            raise errors.NO_PATH
        revision = parse_revision(request.query.get("resourceVersion", ""))
        wants_initial = sends_initial_events(request)
        if wants_initial is None:
            wants_initial = not revision
        watch = self.watches.open(selection_of(target, request.query), revision or self.store.revision)
        return watch, watch.initial() if wants_initial else []

    def stream(self, request: Request) -> tuple[Form, AsyncGenerator[list[str], None]]:
        """A watch as lines of JSON, some at a time. Raises `ApiError`."""
        form = negotiate(request.accept, TABLE, PARTIAL)
        options = StreamOptions.of(request, self.context)
        watch, first = self.open_watch(request)
        target = target_of(request.path)
        assert target is not None
        batches = stream(self.context, target.resource, watch, first, options)
        self._count(request, target, 200)
        return form, frames(self.registry, request, target.resource, form, batches)

    async def poll(self, request: Request, timeout_s: float) -> dict[str, Any]:
        """One long poll of a watch: its events, as soon as there are any, and where to go on."""
        try:
            watch, news = self.open_watch(request)
            news += watch.news()
            if not news:
                await watch.wait(timeout_s)
                news = watch.news()
        except ApiError as error:
            return {"code": error.code, "body": error.status()}
        return {"events": described(news), "resource_version": str(watch.revision)}
