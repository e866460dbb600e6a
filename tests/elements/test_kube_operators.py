"""What people do to a cluster is told as an event, by whatever program they do it, and nothing else is."""

from typing import Any

import pytest

from tests.elements.kube_bed import World, deployment, play, pod

MERGE = "application/merge-patch+json"
NGINX = "/apis/apps/v1/namespaces/default/deployments/nginx"
NODE = "/api/v1/nodes/node-1"


async def person(
    world: World, method: str, path: str, body: Any, manager: str = "journey", **query: str
) -> int:
    answer = await world.net.host("tester").call(
        "kube-api", "request", method=method, path=path, user="kubernetes-admin", body=body,
        content_type=MERGE if method == "PATCH" else "application/json",
        query={"fieldManager": manager, **query},
    )  # fmt: skip
    return int(answer["code"])


async def furnish(world: World) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}
    await person(world, "POST", "/api/v1/nodes", node)
    await person(world, "POST", NGINX.rpartition("/")[0], deployment("nginx"))
    for name in ("one", "two"):
        where = "/api/v1/namespaces/default/pods"
        assert await person(world, "POST", where, pod(name, {"nodeName": "node-1"})) == 201


def told(world: World) -> list[tuple[str, str, str]]:
    found = [record for record in world.net.journal if record["kind"].startswith("operator.")]
    return [(each["kind"].removeprefix("operator."), each["target"], each["by"]) for each in found]


def test_a_scale_and_a_rollout_are_told_and_what_changes_nothing_is_not():
    async def story(world: World) -> None:
        await furnish(world)
        await person(world, "PATCH", f"{NGINX}/scale", {"spec": {"replicas": 5}}, "kubectl")
        await person(world, "PATCH", f"{NGINX}/scale", {"spec": {"replicas": 5}}, "kubectl")
        await person(world, "PATCH", f"{NGINX}/scale", {"spec": {"replicas": 9}}, dryRun="All")
        assert await person(world, "PATCH", f"{NGINX}/scale", {"spec": {"replicas": -1}}) == 422
        template = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}
        await person(world, "PATCH", NGINX, {"spec": {"template": template}}, "kubectl-rollout")

    world = play(story)
    assert told(world) == [
        ("scale", "deployment/nginx", "kubectl"),
        ("rollout", "deployment/nginx", "kubectl-rollout"),
    ]
    (scale,) = [record for record in world.net.journal if record["kind"] == "operator.scale"]
    assert (scale["before"], scale["after"]) == (3, 5)


def test_a_drain_is_a_cordon_and_the_first_eviction_from_a_cordoned_node():
    async def story(world: World) -> None:
        await furnish(world)
        for name in ("one", "two"):
            if name == "one":
                await person(world, "PATCH", NODE, {"spec": {"unschedulable": True}})
            path = f"/api/v1/namespaces/default/pods/{name}"
            body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
            assert await person(world, "POST", f"{path}/eviction", body) == 201
        await person(world, "PATCH", NODE, {"spec": {"unschedulable": None}})

    assert [verb for verb, target, _ in told(play(story)) if target == "node/node-1"] == [
        "cordon",
        "drain",
        "uncordon",
    ]


@pytest.mark.parametrize("user", ["kube-controller-manager", "node-1"])
def test_what_the_cluster_s_own_parts_do_is_not_what_people_do(user):
    async def story(world: World) -> None:
        await furnish(world)
        await world.net.host("tester").call(
            "kube-api", "request", method="PATCH", path=f"{NGINX}/scale", user=user,
            body={"spec": {"replicas": 7}}, content_type=MERGE,
        )  # fmt: skip

    assert told(play(story)) == []
