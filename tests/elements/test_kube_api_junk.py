"""Whatever is sent, the API server answers with an object or a Status, and goes on."""

import json
from random import Random
from typing import Any

import pytest

from actors.parts.kubernetes.apiserver.requests import Request, User
from actors.protocols.kubernetes.resources import RESOURCES
from tests.elements.kube_bed import Object, World, config_map, deployment, play, pod, service
from tests.protocols.kubernetes.random_objects import drawn

JUNK: tuple[Any, ...] = (
    None,
    7,
    -1,
    1.5,
    "",
    "x",
    True,
    [],
    {},
    [None],
    [{}],
    {"a": None},
    "1Gi",
    "a/b",
    2**70,
    [[]],
)
NAMES = ("spec", "metadata", "labels", "finalizers", "managedFields", "ownerReferences", "colour")
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PATCHES = ("json-patch+json", "merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml")
SENSIBLE = {
    "Pod": pod("x"),
    "Deployment": deployment("x"),
    "Service": service("x", type="NodePort"),
    "ConfigMap": config_map("x"),
    "Namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}},
}
PARTS = {
    "binding": {"target": {"kind": "Node", "name": "n"}, "metadata": {"name": "x"}},
    "scale": {"kind": "Scale", "metadata": {"name": "x"}, "spec": {"replicas": 3}},
    "eviction": {"kind": "Eviction", "metadata": {"name": "x"}, "deleteOptions": {"gracePeriodSeconds": 3}},
}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container in a value, with each of its keys."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


def spoilt(value: Any, dice: Random) -> Any:
    """The value with something wrong at a few places."""
    value = json.loads(json.dumps(value))
    for _ in range(dice.randrange(3)):
        if not (there := places(value)):
            break
        container, key = dice.choice(there)
        if isinstance(container, dict) and dice.random() < 0.2:
            container[dice.choice(NAMES)] = dice.choice(JUNK)
        else:
            container[key] = dice.choice(JUNK)
        value = json.loads(json.dumps(value))
    return value


def drawn_request(dice: Random) -> Request:
    resource = dice.choice(RESOURCES)
    namespace = "default" if resource.namespaced else None
    parts = [each.name for each in resource.subresources if each.name != "log"]
    part = dice.choice([None, None, None, *parts])
    method = dice.choice(("POST", "PUT", "PATCH", "PATCH", "DELETE", "GET", "GET"))
    name = None if method == "POST" and part is None else dice.choice(("x", "x", "y"))
    sensible = SENSIBLE.get(resource.kind)
    body: Any = PARTS.get(part or "") or (
        sensible if sensible and dice.random() < 0.6 else drawn(resource.kind, dice)
    )
    content_type = "application/json"
    if method == "PATCH":
        content_type = f"application/{dice.choice(PATCHES)}"
    if content_type.endswith("json-patch+json"):
        path = dice.choice(
            ("/spec", "/metadata/labels/a", "/spec/replicas", "/spec/containers/0", "/status", "")
        )
        operation = dice.choice(("add", "remove", "replace", "test", "move", "copy"))
        body = [{"op": operation, "path": path, "from": "/metadata/name", "value": dice.choice(JUNK)}]
    if method == "DELETE":
        body = dice.choice(
            (None, {"gracePeriodSeconds": dice.choice(JUNK)}, {"preconditions": dice.choice(JUNK)})
        )
    query = {"fieldManager": dice.choice("ab"), "fieldValidation": dice.choice(("Strict", "Ignore", "Warn"))}
    return Request(
        method,
        resource.path(namespace, name, part if name else None),
        query if dice.random() < 0.5 else {},
        spoilt(body, dice),
        content_type,
        User("junk", ("system:masters",)),
        dice.choice(("", TABLE, METADATA)),
    )


@pytest.mark.parametrize("seed", range(4))
def test_every_request_is_answered(seed: int):
    async def story(world: World) -> None:
        dice, codes = Random(seed), set()
        for _ in range(800):
            response = await world.server.handle(drawn_request(dice))
            json.dumps(response.body)
            codes.add(response.code)
        assert {200, 201, 400, 404, 422} <= codes
        objects: Object = (await world.client.list("Namespace"))._asdict()
        assert objects["items"]

    play(story, seed=seed)
