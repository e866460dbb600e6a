"""Who may do what: members of `system:masters` everything, viewers only look; and the kinds that tell who may what."""

from typing import NamedTuple

from actors.parts.kubernetes.apiserver.requests import Object, Request, User, target_of, verb_of
from actors.protocols.kubernetes.status import ApiError

MASTERS, VIEWERS, AUTHENTICATED = "system:masters", "journey:viewers", "system:authenticated"
LOOKING = ("get", "list", "watch")
FOR_EVERYBODY = ("/version", "/healthz", "/livez", "/readyz")
"""Open to who has not said who they are (ClusterRole system:public-info-viewer)."""


class Act(NamedTuple):
    """What somebody wants to do: a verb on a resource, or on a path that leads to none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @classmethod
    def of(cls, request: Request) -> "Act":
        target = target_of(request.path)
        if target is None:
            return cls(request.method.lower(), path=request.path)
        verb = verb_of(request.method, target, request.flag("watch"))
        resource = target.resource
        return cls(
            verb,
            resource.group,
            resource.plural,
            target.subresource or "",
            target.namespace or "",
            target.name or "",
        )


def may(user: User, act: Act) -> bool:
    """Whether the user may do that."""
    if MASTERS in user.groups:
        return True
    if act.path and (act.path in FOR_EVERYBODY or (AUTHENTICATED in user.groups and _is_basic(act))):
        return True
    return VIEWERS in user.groups and act.verb in LOOKING


def _is_basic(act: Act) -> bool:
    """Discovery, and questions about oneself (ClusterRoles system:discovery and system:basic-user)."""
    if act.verb == "get":
        return act.path.startswith(("/api", "/openapi"))
    return act.verb == "post" and act.path.startswith(
        ("/apis/authentication.k8s.io/", "/apis/authorization.k8s.io/")
    )


def authorize(request: Request) -> None:
    """Raises `ApiError` 403 in the words of RBAC."""
    act = Act.of(request)
    if may(request.user, act):
        return
    who = f'User "{request.user.name}" cannot'
    if act.path:
        raise ApiError(403, f'forbidden: {who} {act.verb} path "{act.path}"', "Forbidden", {})
    resource = f"{act.resource}/{act.subresource}" if act.subresource else act.resource
    what = f"{act.resource}.{act.group}" if act.group else act.resource
    named = f'{what} "{act.name}"' if act.name else what
    where = f'in the namespace "{act.namespace}"' if act.namespace else "at the cluster scope"
    message = (
        f'{named} is forbidden: {who} {act.verb} resource "{resource}" in API group "{act.group}" {where}'
    )
    details = {"name": act.name, "group": act.group, "kind": act.resource}
    raise ApiError(403, message, "Forbidden", {key: value for key, value in details.items() if value})


# ---- kinds that are answered, not stored ---------------------------------------------------------------------


def review(kind: str, request: Request) -> Object:
    """The answer to a SelfSubjectReview, SelfSubjectAccessReview or SelfSubjectRulesReview."""
    body = request.body if isinstance(request.body, dict) else {}
    if body.get("kind", kind) != kind:
        raise ApiError(400, f"the object provided is unrecognized (must be of type {kind})")
    answered = {"metadata": {"creationTimestamp": None}, **body, "kind": kind}
    spec = body.get("spec") or {}
    match kind:
        case "SelfSubjectReview":
            return {**answered, "status": {"userInfo": _user_info(request.user)}}
        case "SelfSubjectAccessReview":
            return {**answered, "status": _access(request.user, spec)}
        case _:
            return {**answered, "status": _rules(request.user)}


def _user_info(user: User) -> Object:
    uid = {"uid": user.uid} if user.uid else {}
    return {"username": user.name, **uid, "groups": list(user.groups)}


def _access(user: User, spec: Object) -> Object:
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if (asked is None) is (path is None):
        message = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise ApiError(
            422, f'SelfSubjectAccessReview.authorization.k8s.io "" is invalid: spec: {message}', "Invalid"
        )
    if path is None:
        assert asked is not None
        names = ("verb", "group", "resource", "subresource", "namespace", "name")
        act = Act(*(str(asked.get(name) or "") for name in names))
    else:
        act = Act(str(path.get("verb") or ""), path=str(path.get("path") or ""))
    if not may(user, act):
        return {"allowed": False}
    rule = "ClusterRole/cluster-admin" if MASTERS in user.groups else "ClusterRole/view"
    return {"allowed": True, "reason": f"RBAC: allowed by {rule}"}


def _rules(user: User) -> Object:
    verbs = ["*"] if MASTERS in user.groups else list(LOOKING) if VIEWERS in user.groups else []
    resources = [{"verbs": verbs, "apiGroups": ["*"], "resources": ["*"]}] if verbs else []
    others = [{"verbs": verbs, "nonResourceURLs": ["*"]}] if verbs else []
    others.append({"verbs": ["get"], "nonResourceURLs": list(FOR_EVERYBODY)})
    return {"resourceRules": resources, "nonResourceRules": others, "incomplete": False}
