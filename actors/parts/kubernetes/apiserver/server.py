"""The API server without a transport: a request in, an answer out."""

from pathlib import Path
from typing import Any

from actors.element import Context
from actors.parts.kubernetes.apiserver import errors, subresources
from actors.parts.kubernetes.apiserver.deleting import DeleteOptions, delete
from actors.parts.kubernetes.apiserver.interim import merge_patch
from actors.parts.kubernetes.apiserver.patching import patch
from actors.parts.kubernetes.apiserver.reading import list_objects, list_of
from actors.parts.kubernetes.apiserver.registry import Limits, Registry
from actors.parts.kubernetes.apiserver.requests import Object, Request, Response, Target, target_of
from actors.parts.kubernetes.apiserver.selection import selection_of
from actors.parts.kubernetes.apiserver.store import Store
from actors.parts.kubernetes.apiserver.strategies import strategy_of
from actors.parts.kubernetes.apiserver.watching import Watch, Watches, described, parse_revision
from actors.parts.kubernetes.apiserver.writing import Options, create, replace
from actors.protocols.kubernetes.resources import BY_KIND
from actors.protocols.kubernetes.status import ApiError

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class ApiServer:
    """Everything behind the transports."""

    def __init__(self, context: Context, limits: Limits) -> None:
        path = context.directory / "kube-api.db" if context.directory.is_dir() else None
        self.store = Store(path, context.unix_ns)
        self.registry = Registry(context, self.store, limits)
        self.watches = Watches(self.store)

    def found(self) -> None:
        """Make what every cluster has from its first start."""
        for name in FIRST_NAMESPACES:
            if self.store.stored("Namespace", "", name) is None:
                body = {"metadata": {"name": name}}
                create(self.registry, Target(BY_KIND["Namespace"]), body, Options("kube-apiserver", False))

    async def handle(self, request: Request) -> Response:
        """Answer a request that is no watch."""
        try:
            return await self._answer(request)
        except ApiError as error:
            return Response(error.code, error.status())

    def open_watch(self, request: Request) -> Watch:
        """A watch from where the request says. Raises `ApiError`."""
        target = target_of(request.path)
        if target is None:
            raise errors.NO_PATH
        revision = parse_revision(request.query.get("resourceVersion", "")) or self.store.revision
        return self.watches.open(selection_of(target, request.query), revision)

    async def _answer(self, request: Request) -> Response:
        target = target_of(request.path)
        if target is None or (target.subresource and not target.resource.subresource(target.subresource)):
            raise errors.NO_PATH
        if target.subresource in (None, "status"):
            return self._on_object(request, target) if target.name else self._on_collection(request, target)
        return await self._on_subresource(request, target)

    def _on_collection(self, request: Request, target: Target) -> Response:
        if request.method == "GET":
            return Response(200, list_objects(self.registry, target, request))
        if request.method == "POST":
            if target.resource.namespaced and target.namespace is None:
                raise errors.method_not_allowed(target.resource, "create")
            return Response(201, create(self.registry, target, request.body, Options.of(request)))
        if request.method == "DELETE":
            return Response(200, self._delete_collection(request, target))
        raise errors.method_not_allowed(target.resource, request.method.lower())

    def _on_object(self, request: Request, target: Target) -> Response:
        if request.method == "GET":
            return Response(200, self.registry.current(target))
        if request.method == "PUT":
            return self._put(request, target)
        if request.method == "PATCH":
            options = Options.of(request)
            created, value = patch(self.registry, target, request.body, request.content_type, options)
            return Response(201 if created else 200, value)
        if request.method == "DELETE" and target.subresource is None:
            return self._delete(request, target)
        raise errors.method_not_allowed(target.resource, request.method.lower())

    def _put(self, request: Request, target: Target) -> Response:
        options = Options.of(request)
        absent = self.store.stored(target.resource.kind, *target.place) is None
        if absent and strategy_of(target.resource).creates_on_update and target.subresource is None:
            collection = Target(target.resource, target.namespace)
            return Response(201, create(self.registry, collection, request.body, options))
        return Response(200, replace(self.registry, target, request.body, options))

    def _delete(self, request: Request, target: Target) -> Response:
        gone, value = delete(self.registry, target, DeleteOptions.of(request))
        if not gone or target.resource.kind == "Pod":
            return Response(200, value)
        group = {"group": target.resource.group} if target.resource.group else {}
        details = {
            "name": target.name,
            **group,
            "kind": target.resource.plural,
            "uid": value["metadata"]["uid"],
        }
        return Response(200, {**subresources.SUCCESS, "details": details})

    def _delete_collection(self, request: Request, target: Target) -> Object:
        options = DeleteOptions.of(request)
        chosen = list_objects(self.registry, target, request)
        values = []
        for value in chosen["items"]:
            metadata = value["metadata"]
            one = Target(target.resource, metadata.get("namespace"), metadata["name"])
            values.append(delete(self.registry, one, options)[1])
        return list_of(target.resource, values, {"resourceVersion": str(self.store.revision)})

    async def _on_subresource(self, request: Request, target: Target) -> Response:
        options = Options.of(request)
        match target.subresource, request.method:
            case "binding", "POST":
                return Response(201, subresources.bind(self.registry, target, request.body, options))
            case "eviction", "POST":
                return Response(201, subresources.evict(self.registry, target, request.body, request))
            case "scale", "GET":
                return Response(200, subresources.scale_of(self.registry.current(target)))
            case "scale", "PUT":
                return Response(200, subresources.rescale(self.registry, target, request.body, options))
            case "scale", "PATCH":
                scale = merge_patch(subresources.scale_of(self.registry.current(target)), request.body)
                return Response(200, subresources.rescale(self.registry, target, scale, options))
        raise errors.method_not_allowed(target.resource, request.method.lower())

    async def poll(self, request: Request, timeout_s: float) -> dict[str, Any]:
        """One long poll of a watch: its events, as soon as there are any, and where to go on."""
        try:
            watch = self.open_watch(request)
            news = watch.news()
            if not news:
                await watch.wait(timeout_s)
                news = watch.news()
        except ApiError as error:
            return {"code": error.code, "body": error.status()}
        return {"events": described(news), "resource_version": str(watch.revision)}
