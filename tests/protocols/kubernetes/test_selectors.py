"""Label and field selectors: what they select, and what is none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubernetes.selectors import match_object, object_text, parse_fields, parse_labels
from actors.protocols.kubernetes.status import ApiError

LABELS = {"a": "b", "e": "f", "h": "", "n": "12"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("a=b", True),
        ("a==b", True),
        ("a = b , e=f", True),
        ("a=c", False),
        ("a!=c", True),
        ("a!=b", False),
        ("x!=b", True),
        ("e in (f,g)", True),
        ("e in (g)", False),
        ("e notin (g, h)", True),
        ("x notin (g)", True),
        ("h", True),
        ("h=", True),
        ("a=", False),
        ("x", False),
        ("!x", True),
        ("!h", False),
        ("n>11", True),
        ("n < 12", False),
        ("a>1", False),
        ("a=b,c!=d,e in (f,g),h,!i", True),
        ("h in ()", True),
        ("in in (x)", False),
    ],
)
def test_labels(text: str, matches: bool) -> None:
    assert parse_labels(text)(LABELS) is matches


@pytest.mark.parametrize(
    "text",
    [
        "a=b,",
        "=b",
        "a in b",
        "a in (b",
        "a in (b c)",
        "a,,b",
        "a===b",
        "-a=b",
        "a=-",
        "a b",
        "n>x",
        "(a)",
        "!",
    ],
)
def test_what_is_no_label_selector(text: str) -> None:
    with pytest.raises(ApiError, match="unable to parse requirement") as caught:
        parse_labels(text)
    assert caught.value.code == 400


KEYS = st.sampled_from(["a", "e", "x"])
VALUES = st.sampled_from(["b", "f", "1"])


@given(st.dictionaries(KEYS, VALUES), KEYS, st.lists(VALUES, min_size=1))
def test_a_selector_and_its_text_select_the_same(labels: dict[str, str], key: str, values: list[str]) -> None:
    for operator, given_values in (
        ("In", values),
        ("NotIn", values),
        ("Exists", None),
        ("DoesNotExist", None),
    ):
        expression: dict[str, Any] = {"key": key, "operator": operator}
        if given_values:
            expression["values"] = given_values
        selector = {"matchLabels": {"a": "b"}, "matchExpressions": [expression]}
        assert match_object(selector, labels) is parse_labels(object_text(selector))(labels)


def test_an_absent_selector_selects_nothing_and_an_empty_one_everything() -> None:
    assert not match_object(None, {})
    assert match_object({}, {})
    assert match_object({}, None)
    assert object_text(None) == "<none>"


POD = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"nodeName": "node-1"},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]},
}


@pytest.mark.parametrize(
    ("kind", "value", "text", "matches"),
    [
        ("Pod", POD, "", True),
        ("Pod", POD, "metadata.name=p,spec.nodeName!=node-2", True),
        ("Pod", POD, "spec.nodeName==node-2", False),
        ("Pod", POD, "spec.nodeName=", False),
        ("Pod", {"metadata": {}}, "spec.nodeName=", True),
        ("Pod", POD, "status.podIPs=10.0.0.1", True),
        ("Pod", POD, "spec.hostNetwork=false", True),
        ("Node", {"metadata": {}, "spec": {"unschedulable": True}}, "spec.unschedulable=true", True),
        ("Node", {"metadata": {}}, "spec.unschedulable=false", True),
        ("Namespace", {"metadata": {}, "status": {"phase": "Active"}}, "status.phase=Active", True),
        (
            "Event",
            {"involvedObject": {"kind": "Pod"}, "source": {"component": "k"}},
            "involvedObject.kind=Pod",
            True,
        ),
        ("Event", {"source": {"component": "kubelet"}}, "source=kubelet", True),
        ("Event", {"reportingComponent": "kubelet"}, "source=kubelet", True),
        ("ConfigMap", {"metadata": {"name": "a,b"}}, r"metadata.name=a\,b", True),
    ],
)
def test_fields(kind: str, value: dict[str, Any], text: str, matches: bool) -> None:
    assert parse_fields(kind, text)(value) is matches


def test_fields_that_a_kind_cannot_be_selected_by() -> None:
    with pytest.raises(ApiError) as caught:
        parse_fields("Deployment", "spec.nodeName=x")
    assert (caught.value.code, caught.value.message) == (400, "field label not supported: spec.nodeName")
    with pytest.raises(ApiError, match="invalid selector: 'x'; can't understand 'x'"):
        parse_fields("Pod", "x")
