"""Mutating admission webhooks: others are asked about a new object before it is stored, and may change it.

How this works. A webhook here is an element, asked by a management call with an AdmissionReview (admission.k8s.io/v1);
its answer has a JSON patch. One that is away, or takes too long, is passed over (failurePolicy Ignore) or holds the
request up (Fail). Only creations by POST are asked about, which is how pods come to be.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.element import CallFailed, Context
from actors.parts.kubernetes.apiserver.requests import Object, Request, Target
from actors.parts.kubernetes.apiserver.store import Store
from actors.protocols.kubernetes.json_patch import json_patch
from actors.protocols.kubernetes.names import uid
from actors.protocols.kubernetes.selectors import match_object
from actors.protocols.kubernetes.status import ApiError


@dataclass(frozen=True)
class Webhook:
    """Whom to ask about what. `namespace_labels` are those that an object's namespace must have."""

    name: str
    element: str
    kinds: tuple[str, ...]
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    ignores_failure: bool = True
    timeout_s: float = 10.0


class Webhooks:
    """Asks the webhooks one after another; each sees what those before it have made of the object."""

    def __init__(self, context: Context, store: Store, webhooks: tuple[Webhook, ...] = ()) -> None:
        self._context, self._store, self._webhooks = context, store, webhooks

    async def mutate(self, request: Request, target: Target) -> Any:
        """The body of a request, as it is after everybody was asked. Raises `ApiError`."""
        body = request.body
        is_creation = request.method == "POST" and target.name is None and target.subresource is None
        if not self._webhooks or not is_creation or not isinstance(body, dict):
            return body
        for webhook in self._webhooks:
            if target.resource.kind in webhook.kinds and self._is_chosen(webhook, target.namespace or ""):
                body = await self._ask(webhook, request, target, body)
        return body

    def _is_chosen(self, webhook: Webhook, namespace: str) -> bool:
        found = self._store.get("Namespace", "", namespace) if namespace else None
        labels = (found or {"metadata": {}})["metadata"].get("labels")
        return match_object({"matchLabels": dict(webhook.namespace_labels)}, labels)

    async def _ask(self, webhook: Webhook, request: Request, target: Target, body: Object) -> Object:
        review = self._review(request, target, body)
        try:
            async with asyncio.timeout(webhook.timeout_s):
                answer = await self._context.call(webhook.element, "review", request=review)
            response = answer["response"]
        except (CallFailed, TimeoutError, KeyError, TypeError) as error:
            return self._without(webhook, str(error) or "context deadline exceeded", body)
        self._count(webhook, "allowed" if response["allowed"] else "denied")
        if not response["allowed"]:
            message = (response.get("status") or {}).get("message") or "without explanation"
            raise ApiError(
                403, f'admission webhook "{webhook.name}" denied the request: {message}', "Forbidden"
            )
        if not response.get("patch"):
            return body
        patched: Object = json_patch(body, response["patch"])
        return patched

    def _without(self, webhook: Webhook, why: str, body: Object) -> Object:
        self._count(webhook, "failed")
        if webhook.ignores_failure:
            return body
        words = f'failed calling webhook "{webhook.name}": failed to call webhook: {why}'
        raise ApiError(500, f"Internal error occurred: {words}", "InternalError")

    def _count(self, webhook: Webhook, outcome: str) -> None:
        labels = {"name": webhook.name, "type": "admit", "outcome": outcome}
        self._context.metrics.counter("apiserver_admission_webhook_request_total", **labels).value += 1

    def _review(self, request: Request, target: Target, body: Object) -> Object:
        resource = target.resource
        of_kind = {"group": resource.group, "version": resource.version}
        return {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": uid(self._context.random),
                "kind": {**of_kind, "kind": resource.kind},
                "resource": {**of_kind, "resource": resource.plural},
                "name": (body.get("metadata") or {}).get("name", ""),
                "namespace": target.namespace or "",
                "operation": "CREATE",
                "userInfo": {"username": request.user.name, "groups": list(request.user.groups)},
                "object": body,
                "dryRun": request.dry_run,
            },
        }
