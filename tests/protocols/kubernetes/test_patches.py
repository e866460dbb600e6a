"""The three kinds of patches."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.json_patch import json_patch
from actors.protocols.kubernetes.merge_patch import merge_patch
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.strategic_merge import strategic_merge
from tests.protocols.kubernetes.objects import deployment

POD = "io.k8s.api.core.v1.Pod"
DEPLOYMENT = "io.k8s.api.apps.v1.Deployment"
RFC_7386 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("current", "patch", "expected"), RFC_7386)
def test_the_cases_of_rfc_7386(current: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(current, patch) == expected


PLAIN = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN, PLAIN)
def test_merging_twice_is_merging_once_and_changes_no_input(current: Any, patch: Any) -> None:
    before = copy.deepcopy((current, patch))
    once = merge_patch(current, patch)
    assert merge_patch(once, patch) == once
    assert (current, patch) == before


def test_json_patch_operations() -> None:
    document = {"a": [1, 2], "b": {"c": 1}}
    patch = [
        {"op": "test", "path": "/a/0", "value": 1},
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "add", "path": "/a/0", "value": 0},
        {"op": "replace", "path": "/b/c", "value": 2},
        {"op": "copy", "from": "/b/c", "path": "/d~1e"},
        {"op": "move", "from": "/b", "path": "/f"},
        {"op": "remove", "path": "/a/1"},
    ]
    assert json_patch(document, patch) == {"a": [0, 2, 3], "f": {"c": 2}, "d/e": 2}
    assert document == {"a": [1, 2], "b": {"c": 1}}
    assert json_patch({}, [{"op": "replace", "path": "", "value": [1]}]) == [1]
    assert json_patch({}, [{"op": "test", "path": "/nothing", "value": None}]) == {}


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ({"op": "remove", "path": "/x"}, "Unable to remove nonexistent key: x"),
        ({"op": "replace", "path": "/x", "value": 1}, 'doc is missing key: "/x": missing value'),
        ({"op": "add", "path": "/x/y", "value": 1}, 'doc is missing path: "/x/y": missing value'),
        ({"op": "add", "path": "/a/9", "value": 1}, "invalid index"),
        ({"op": "test", "path": "/a", "value": True}, "testing value /a failed: test failed"),
        ({"op": "test", "path": "/one", "value": True}, "testing value /one failed: test failed"),
        ({"op": "move", "from": "/a", "path": "/a/0"}, "into itself"),
        ({"op": "copy", "from": "/x", "path": "/y"}, "missing value"),
    ],
)
def test_json_patches_that_do_not_fit(operation: dict[str, Any], told: str) -> None:
    with pytest.raises(
        ApiError, match="the server rejected our request due to an error in our request"
    ) as caught:
        json_patch({"a": [1], "one": 1}, [operation])
    assert caught.value.code == 422
    assert caught.value.details is not None
    assert told in caught.value.details["causes"][0]["message"]


@pytest.mark.parametrize(
    "patch",
    [
        {},
        [1],
        [{"op": "x", "path": ""}],
        [{"op": "add", "path": "x", "value": 1}],
        [{"op": "add", "path": "/"}],
    ],
)
def test_what_is_no_json_patch(patch: Any) -> None:
    with pytest.raises(ApiError) as caught:
        json_patch({}, patch)
    assert caught.value.code == 400


def test_too_long_a_json_patch() -> None:
    with pytest.raises(
        ApiError, match="The allowed maximum operations in a JSON patch is 10000, got 10001"
    ) as caught:
        json_patch({}, [{"op": "test", "path": "", "value": {}}] * 10_001)
    assert caught.value.code == 413


def containers(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(items), **more}}


A, B = {"name": "a", "image": "1"}, {"name": "b", "image": "2"}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"name": "a", "image": "9"}], [{"name": "a", "image": "9"}, B]),
        ([{"name": "c", "image": "3"}], [A, B, {"name": "c", "image": "3"}]),
        ([{"name": "a", "$patch": "delete"}], [B]),
        ([{"$patch": "replace"}, {"name": "c"}], [{"name": "c"}]),
        ([{"name": "a", "$patch": "replace", "tty": True}], []),
        ([{"name": "a", "image": None}], [{"name": "a"}, B]),
    ],
)
def test_lists_are_merged_by_their_keys(patch: list[Any], expected: list[Any]) -> None:
    assert strategic_merge(containers(A, B), containers(*patch), POD) == containers(*expected)


def test_order_that_kubectl_asks_for() -> None:
    order = {"$setElementOrder/containers": [{"name": "b"}, {"name": "n"}, {"name": "a"}]}
    patch = containers({"name": "n", "image": "3"}, **order)
    merged = strategic_merge(containers(A, {"name": "other"}, B), patch, POD)
    assert [each["name"] for each in merged["spec"]["containers"]] == ["other", "b", "n", "a"]
    assert merged["spec"].keys() == {"containers"}
    again = strategic_merge(
        containers(A, B), {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}, POD
    )
    assert again == containers(B, A)


def test_sets_of_plain_values() -> None:
    current = {"metadata": {"finalizers": ["a", "b"]}}
    assert strategic_merge(current, {"metadata": {"finalizers": ["b", "c"]}}, POD) == {
        "metadata": {"finalizers": ["a", "b", "c"]}
    }
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a", "z"]}}
    assert strategic_merge(current, patch, POD) == {"metadata": {"finalizers": ["b"]}}


def test_keys_to_retain() -> None:
    rolling = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(rolling, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}
    with pytest.raises(ApiError, match="rollingUpdate is set but not listed"):
        strategic_merge(
            rolling, {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}}, DEPLOYMENT
        )


def test_maps_are_replaced_and_deleted_on_demand() -> None:
    current = {"metadata": {"labels": {"a": "1"}}}
    assert strategic_merge(current, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}, POD) == {
        "metadata": {"labels": {"b": "2"}}
    }
    assert strategic_merge(current, {"metadata": {"labels": {"$patch": "delete"}}}, POD) == {
        "metadata": {"labels": {}}
    }
    with pytest.raises(ApiError, match="Unknown patch type found: x") as caught:
        strategic_merge(current, {"metadata": {"$patch": "x"}}, POD)
    assert caught.value.code == 400


def test_atomic_lists_are_replaced() -> None:
    current = containers(A, tolerations=[{"key": "a"}])
    assert strategic_merge(current, {"spec": {"tolerations": [{"key": "b"}]}}, POD)["spec"][
        "tolerations"
    ] == [{"key": "b"}]


def test_an_item_without_its_key() -> None:
    with pytest.raises(
        ApiError, match=r"map: map\[image:x\] does not contain declared merge key: name"
    ) as caught:
        strategic_merge(containers(A), containers({"image": "x"}), POD)
    assert caught.value.code == 422
    with pytest.raises(ApiError, match="items must be objects"):
        strategic_merge(containers(A), containers("x"), POD)  # type: ignore[arg-type]


def test_patches_share_but_never_change() -> None:
    value = deployment()
    before = copy.deepcopy(value)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:2"}]}}}}
    patched = strategic_merge(value, patch, DEPLOYMENT)
    assert value == before
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert strategic_merge(value, value, DEPLOYMENT) == value
    assert strategic_merge(value, {}, DEPLOYMENT) == value


NAMES = st.sampled_from(["a", "b", "c", "d"])
ITEMS = st.lists(
    st.builds(lambda n, i: {"name": n, "image": i}, NAMES, NAMES), unique_by=lambda each: each["name"]
)


@given(ITEMS, ITEMS)
def test_merging_a_list_twice_is_merging_it_once(current: list[Any], patch: list[Any]) -> None:
    once = strategic_merge(containers(*current), containers(*patch), POD)
    assert strategic_merge(once, containers(*patch), POD) == once
    by_name = {each["name"]: each for each in current} | {each["name"]: each for each in patch}
    assert {each["name"]: each for each in once["spec"]["containers"]} == by_name
