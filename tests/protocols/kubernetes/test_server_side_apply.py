"""Field ownership: who owns what after updates and applies, what is removed, and what is a conflict."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes import field_sets
from actors.protocols.kubernetes.server_side_apply import LAST_APPLIED, MOST_UPDATERS, apply, track_update
from actors.protocols.kubernetes.status import ApiError
from tests.protocols.kubernetes.objects import defaulted, deployment, pod

DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"
CONFIG_MAP = "io.k8s.api.core.v1.ConfigMap"
Object = dict[str, Any]


def applied(current: Object | None, value: Object, manager: str = "kubectl", **more: Any) -> Object:
    options = {"force": False, "now": "2026-01-01T00:00:00Z", "api_version": value["apiVersion"], **more}
    return apply(current, value, None, manager, **options)


def updated(
    current: Object | None, value: Object, manager: str, subresource: str = "", now: str = "T"
) -> Object:
    entries = track_update(current, value, None, manager, now, value["apiVersion"], subresource)
    return {**value, "metadata": {**value["metadata"], "managedFields": entries}}


def owners(value: Object) -> dict[str, Object]:
    return {each["manager"]: each["fieldsV1"] for each in value["metadata"].get("managedFields", ())}


def config_map(**data: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c", "namespace": "default"},
        "data": data,
    }


def test_who_applies_owns_what_it_names() -> None:
    value = applied(None, deployment())
    assert owners(value) == {
        "kubectl": {
            "f:metadata": {"f:labels": {"f:app": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {
                    "f:metadata": {"f:labels": {"f:app": {}}},
                    "f:spec": {
                        "f:containers": {
                            'k:{"name":"nginx"}': {
                                ".": {},
                                "f:name": {},
                                "f:image": {},
                                "f:ports": {
                                    'k:{"containerPort":80,"protocol":"TCP"}': {
                                        ".": {},
                                        "f:containerPort": {},
                                    }
                                },
                            }
                        }
                    },
                },
            },
        }
    }
    entry = value["metadata"]["managedFields"][0]
    assert {key: entry[key] for key in ("operation", "apiVersion", "time", "fieldsType")} == {
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
    }


def test_applying_the_same_changes_nothing_not_even_the_time() -> None:
    first = defaulted(applied(None, deployment()))
    assert applied(first, deployment(), now="2026-01-02T00:00:00Z") == first


def test_what_is_no_longer_applied_is_removed() -> None:
    first = applied(None, config_map(a="1", b="2"))
    second = applied(first, config_map(a="1"))
    assert second["data"] == {"a": "1"}
    assert owners(second) == {"kubectl": {"f:data": {"f:a": {}}}}


def test_but_not_what_somebody_else_owns_too() -> None:
    first = applied(None, config_map(a="1", b="2"))
    both = applied(first, config_map(b="2"), "other")
    second = applied(both, config_map(a="1"))
    assert second["data"] == {"a": "1", "b": "2"}
    assert owners(second)["other"] == {"f:data": {"f:b": {}}}
    third = applied(second, config_map(), "other")
    assert third["data"] == {"a": "1"}


def test_a_container_goes_with_its_defaults() -> None:
    two = deployment()
    two["spec"]["template"]["spec"]["containers"].append({"name": "sidecar", "image": "s:1"})
    first = defaulted(applied(None, two))
    second = applied(first, deployment())
    assert [each["name"] for each in second["spec"]["template"]["spec"]["containers"]] == ["nginx"]
    assert second["spec"]["template"]["spec"]["dnsPolicy"] == "ClusterFirst"


def test_a_conflict_and_how_force_settles_it() -> None:
    first = applied(None, deployment())
    scaled = updated(first, {**first, "spec": {**first["spec"], "replicas": 7}}, "kubectl-scale")
    assert "f:replicas" not in owners(scaled)["kubectl"]["f:spec"]
    with pytest.raises(ApiError) as caught:
        applied(scaled, deployment())
    assert (caught.value.code, caught.value.reason) == (409, "Conflict")
    assert caught.value.message == (
        'Apply failed with 1 conflict: conflict with "kubectl-scale" using apps/v1: .spec.replicas'
    )
    assert caught.value.details == {
        "causes": [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "kubectl-scale" using apps/v1',
                "field": ".spec.replicas",
            }
        ]
    }
    forced = applied(scaled, deployment(), force=True)
    assert forced["spec"]["replicas"] == 3
    assert owners(forced).keys() == {"kubectl"}


def test_equal_values_are_no_conflict() -> None:
    both = applied(applied(None, deployment()), deployment(), "other")
    assert owners(both)["other"] == owners(both)["kubectl"]


def test_several_conflicts() -> None:
    first = applied(None, deployment())
    changed = deployment(replicas=4)
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    with pytest.raises(ApiError) as caught:
        applied(first, changed, "other")
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl":\n'
        "- .spec.replicas\n"
        '- .spec.template.spec.containers[name="nginx"].image'
    )


def test_a_subresource_is_an_owner_of_its_own() -> None:
    first = applied(None, deployment())
    scaled = updated(first, {**first, "spec": {**first["spec"], "replicas": 7}}, "kubectl", "scale")
    with pytest.raises(ApiError, match='conflict with "kubectl" with subresource "scale" using apps/v1'):
        applied(scaled, deployment())


def test_an_update_owns_what_it_changed() -> None:
    created = updated(None, deployment(), "kubectl-create")
    fields = owners(created)["kubectl-create"]
    assert fields["f:metadata"] == {"f:labels": {".": {}, "f:app": {}}}
    container = fields["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"nginx"}']
    assert container == {
        ".": {},
        "f:name": {},
        "f:image": {},
        "f:ports": {
            ".": {},
            'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
        },
    }
    changed = copy.deepcopy(created)
    changed["metadata"]["labels"] = {"tier": "web"}
    second = updated(created, changed, "kubectl-edit", now="T2")
    assert owners(second)["kubectl-edit"] == {"f:metadata": {"f:labels": {"f:tier": {}}}}
    assert owners(second)["kubectl-create"]["f:metadata"] == {"f:labels": {}}


def test_an_update_that_changes_nothing_leaves_the_entries_as_they_are() -> None:
    created = updated(None, deployment(), "kubectl")
    again = track_update(created, copy.deepcopy(created), None, "other", "T2", "apps/v1")
    assert again is created["metadata"]["managedFields"]


def test_who_owns_a_field_already_keeps_its_entry_and_its_time() -> None:
    first = updated(None, config_map(a="1"), "me", now="T1")
    second = updated(first, {**first, "data": {"a": "2"}}, "me", now="T2")
    assert second["metadata"]["managedFields"][0] is first["metadata"]["managedFields"][0]


def test_status_belongs_to_who_writes_it_there() -> None:
    value = pod()
    created = updated(None, {**value, "status": {"phase": "Pending"}}, "controller")
    assert "f:status" not in owners(created)["controller"]
    conditions = [{"type": "Ready", "status": "False"}]
    after = {**created, "status": {"phase": "Running", "conditions": conditions}}
    running = updated(created, after, "kubelet", "status")
    entry = running["metadata"]["managedFields"][1]
    assert entry["subresource"] == "status"
    assert entry["fieldsV1"] == {
        "f:status": {
            "f:phase": {},
            "f:conditions": {".": {}, 'k:{"type":"Ready"}': {".": {}, "f:type": {}, "f:status": {}}},
        }
    }


def test_what_the_server_keeps_is_nobodys() -> None:
    value = config_map(a="1")
    value["metadata"] |= {"uid": "u", "resourceVersion": "5", "generation": 1, "creationTimestamp": "T"}
    assert owners(updated(None, value, "me")) == {"me": {"f:data": {".": {}, "f:a": {}}}}


def test_an_empty_list_gives_all_ownership_up() -> None:
    first = applied(None, config_map(a="1"))
    after = {**first, "metadata": {**first["metadata"], "managedFields": []}}
    assert track_update(first, after, None, "me", "T", "v1") == []


def test_what_was_there_before_the_first_apply_has_an_owner() -> None:
    with pytest.raises(ApiError, match=r'conflict with "before-first-apply" using v1: \.data\.a'):
        applied(config_map(a="1"), config_map(a="2"))
    value = applied(config_map(a="1"), config_map(b="2"))
    assert owners(value) == {
        "kubectl": {"f:data": {"f:b": {}}},
        "before-first-apply": {"f:data": {"f:a": {}}},
    }


def test_kubectl_takes_over_what_it_applied_from_its_own_side() -> None:
    value = config_map(a="1")
    value["metadata"]["annotations"] = {LAST_APPLIED: "{}"}
    live = updated(None, value, "kubectl-client-side-apply")
    assert applied(live, config_map(a="2"))["data"] == {"a": "2"}
    with pytest.raises(ApiError, match="kubectl-client-side-apply"):
        applied(live, config_map(a="2"), "somebody")


def test_old_updaters_are_put_together() -> None:
    value = updated(None, config_map(a="1"), "m0", now="T00")
    for number in range(1, MOST_UPDATERS + 3):
        after = {**value, "data": {**value["data"], f"k{number}": "x"}}
        value = updated(value, after, f"m{number}", now=f"T{number:02}")
    entries = value["metadata"]["managedFields"]
    assert len(entries) == MOST_UPDATERS
    assert {"f:a", "f:k1", "f:k2"} <= owners(value)["ancient-changes"]["f:data"].keys()


def test_configurations_that_cannot_be_applied() -> None:
    value = config_map(a="1")
    value["metadata"]["managedFields"] = [{"manager": "x"}]
    with pytest.raises(ApiError, match=r"metadata\.managedFields must be nil"):
        applied(None, value)
    doubled = deployment()
    doubled["spec"]["template"]["spec"]["containers"] *= 2
    with pytest.raises(ApiError, match=r'duplicate entries for key \[name="nginx"\]'):
        applied(None, doubled)
    nameless = deployment()
    del nameless["spec"]["template"]["spec"]["containers"][0]["name"]
    with pytest.raises(ApiError, match='omits key field "name"'):
        applied(None, nameless)


def test_order_of_a_merged_list() -> None:
    first = applied(None, deployment())
    containers = [{"name": name, "image": "x"} for name in ("init", "nginx", "log")]
    first["spec"]["template"]["spec"]["containers"] = copy.deepcopy(containers)
    config = deployment()
    config["spec"]["template"]["spec"]["containers"] = [{"name": "new"}, {"name": "log"}]
    merged = applied(first, config, "other")["spec"]["template"]["spec"]["containers"]
    assert [each["name"] for each in merged] == ["init", "nginx", "new", "log"]
    assert merged[3] == {"name": "log", "image": "x"}


DATA = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("12"), max_size=4)
WRITES = st.lists(st.tuples(st.sampled_from(["x", "y", "update"]), DATA), max_size=6)


@given(WRITES)
def test_every_field_has_an_owner_and_no_owner_a_field_that_is_gone(
    writes: list[tuple[str, dict[str, str]]],
) -> None:
    value = updated(None, config_map(), "creator")
    for manager, data in writes:
        if manager == "update":
            value = updated(value, {**value, "data": data}, manager)
        else:
            value = applied(value, config_map(**data), manager, force=True)
            assert all(value["data"][key] == each for key, each in data.items())
            assert applied(value, config_map(**data), manager) == value
    owned: Object = {}
    for fields in owners(value).values():
        owned = field_sets.union(owned, fields)
    assert {f"f:{key}" for key in value.get("data", ())} == owned.get("f:data", {}).keys() - {"."}


SETS = st.recursive(
    st.just({}),
    lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "."]), inner, max_size=3),
    max_leaves=6,
).map(lambda value: _tidy(value, root=True))


def _tidy(value: Object, *, root: bool = False) -> Object:
    kept = {
        key: {} if key == "." else _tidy(below) for key, below in value.items() if not (root and key == ".")
    }
    return {} if kept.keys() == {"."} else kept


@given(SETS, SETS)
def test_sets_of_fields_are_sets(one: Object, other: Object) -> None:
    first, second = set(field_sets.paths(one)), set(field_sets.paths(other))
    assert set(field_sets.paths(field_sets.union(one, other))) == first | second
    assert set(field_sets.paths(field_sets.difference(one, other))) == first - second
    assert set(field_sets.paths(field_sets.intersection(one, other))) == first & second
    assert field_sets.covers(one, other) == (second <= first)
