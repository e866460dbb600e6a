"""Whether Kubernetes objects that a scenario is about are there: in a world's manifests, or made on the timeline."""

from collections.abc import Iterable

from actors.parts.kubernetes.apiserver.manifests import ManifestError, objects_of
from orchestrator.config.errors import suggestion
from orchestrator.config.models import World
from orchestrator.control.api import RequestFailed
from orchestrator.scenarios.cluster_actions import object_in, object_of
from orchestrator.scenarios.models import (
    Action,
    ApplyAction,
    DeleteAction,
    PatchAction,
    RestartAction,
    ScaleAction,
    SetAction,
)
from orchestrator.settings.words import DEPLOYMENT, Target, target_of

API_SERVER = "kube_api"
MADE_BY_PEOPLE = ("Deployment", "Ingress", "Service", "IngressClass", "ConfigMap", "Secret")
"""Kinds of objects that no controller makes by itself; the server's own Service is called kubernetes."""
OWN = {"Service": ["kubernetes"]}

Names = dict[str, list[str]]
"""By kind; those that are not in the namespace `default` as NAMESPACE/NAME."""


def names_in(world: World, actions: Iterable[Action]) -> Names | None:
    """What there is or will be; None for a world without a Kubernetes API server, or with manifests that are wrong."""
    servers = [spec for spec in world.elements.values() if spec.kind == API_SERVER]
    if not servers:
        return None
    found: Names = {kind: list(OWN.get(kind, ())) for kind in MADE_BY_PEOPLE}
    try:
        manifests = [each for spec in servers for each in objects_of(getattr(spec.config, "manifests", ()))]
    except ManifestError:
        return None
    manifests += [action.object for action in actions if isinstance(action, ApplyAction)]
    for manifest in manifests:
        try:
            kind, namespace, name = object_in(manifest)
        except RequestFailed:
            continue
        found.setdefault(kind, []).append(_full(namespace, name))
    return found


def unknown_object(action: Action, names: Names | None) -> str | None:
    """What is wrong with the name of the object that an action is about."""
    try:
        match action:
            case ScaleAction() | RestartAction() | SetAction():
                return unknown_deployment(target_of(action.target), names)
            case PatchAction() | DeleteAction():
                kind, namespace, name = object_of(action.target)
                return _unknown(kind, _full(namespace, name), names) if kind in MADE_BY_PEOPLE else None
            case _:
                return None
    except RequestFailed:
        return None  # that has been said already


def unknown_deployment(target: Target, names: Names | None) -> str | None:
    """What is wrong with a deployment's name, if that is what a target is."""
    return _unknown("Deployment", target.name, names) if target.kind == DEPLOYMENT else None


def _unknown(kind: str, name: str, names: Names | None) -> str | None:
    known = None if names is None else names[kind]
    name = name.removeprefix("default/")
    if known is None or name in known:
        return None
    word = kind.lower()
    if not known:
        return f"there is no {word} {name!r}: this world's manifests have none"
    return f"there is no {word} {name!r}{suggestion(name, known, otherwise=f'{word}s are')}"


def _full(namespace: str | None, name: str) -> str:
    return name if namespace in (None, "default") else f"{namespace}/{name}"
