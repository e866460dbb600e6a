"""Whatever an object of a right structure holds, the machinery takes it or says what is wrong with it."""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.kubernetes.defaults import set_defaults
from actors.protocols.kubernetes.merge_patch import merge_patch
from actors.protocols.kubernetes.quantity import parse
from actors.protocols.kubernetes.resources import RESOURCES
from actors.protocols.kubernetes.schema import definition_of
from actors.protocols.kubernetes.selectors import parse_fields, parse_labels
from actors.protocols.kubernetes.server_side_apply import apply, track_update
from actors.protocols.kubernetes.status import ApiError
from actors.protocols.kubernetes.strategic_merge import strategic_merge
from actors.protocols.kubernetes.tables import table
from actors.protocols.kubernetes.validation import (
    check_structure,
    validate_create,
    validate_structure,
    validate_update,
    warnings_for,
)
from tests.protocols.kubernetes.random_objects import drawn

KINDS = pytest.mark.parametrize("kind", [each.kind for each in RESOURCES])
SEEDS = st.integers(0, 2**32)
QUICK = settings(max_examples=15, deadline=None)


@KINDS
@QUICK
@given(seed=SEEDS)
def test_filled_in_and_judged(kind: str, seed: int) -> None:
    value = drawn(kind, Random(seed))
    assert validate_structure(kind, value) == ([], [])
    set_defaults(kind, value)
    assert validate_structure(kind, value) == ([], [])
    once = copy.deepcopy(value)
    set_defaults(kind, value)
    assert value == once
    warnings_for(kind, value)
    for judge in (
        lambda: validate_create(kind, value),
        lambda: validate_update(kind, drawn(kind, Random(1)), value),
    ):
        try:
            judge()
        except ApiError as error:
            assert error.code == 422
            assert error.details is not None
            assert all(each["message"] and "field" in each for each in error.details["causes"])
    assert value == once


@KINDS
@QUICK
@given(seed=SEEDS)
def test_shown(kind: str, seed: int) -> None:
    shown = table(kind, [drawn(kind, Random(seed))], now=2e9)
    assert len(shown["rows"][0]["cells"]) == len(shown["columnDefinitions"])


@KINDS
@QUICK
@given(one=SEEDS, other=SEEDS)
def test_owned(kind: str, one: int, other: int) -> None:
    first, second = drawn(kind, Random(one)), drawn(kind, Random(other))
    for each in (first, second):
        each["metadata"].pop("managedFields", None)
    definition = definition_of(kind)
    entries = track_update(None, first, definition, "a", "T", "v1")
    created = {**first, "metadata": {**first["metadata"], "managedFields": entries}}
    before = copy.deepcopy((created, second))
    entries = track_update(created, second, definition, "b", "T", "v1")
    assert all(each["fieldsV1"] for each in entries)
    options: dict[str, Any] = {"force": True, "now": "T", "api_version": "v1"}
    try:
        result = apply(created, second, definition, "c", **options)
    except ApiError as error:
        assert "failed to create typed patch object" in error.message
    else:
        assert apply(result, second, definition, "c", **options) == result
    assert (created, second) == before


@KINDS
@QUICK
@given(one=SEEDS, other=SEEDS)
def test_patched(kind: str, one: int, other: int) -> None:
    first, second = drawn(kind, Random(one)), drawn(kind, Random(other))
    before = copy.deepcopy((first, second))
    merged = merge_patch(first, second)
    assert merge_patch(merged, second) == merged
    try:
        strategic_merge(first, second, definition_of(kind))
    except ApiError as error:
        assert "merge key" in error.message
    assert strategic_merge(first, {}, definition_of(kind)) == first
    assert (first, second) == before


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "containers", "template", "labels", "name"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data"]), JSON),
    st.sampled_from(["Pod", "Deployment"]),
)
def test_a_structure_that_is_not_right(value: dict[str, Any], kind: str) -> None:
    try:
        check_structure(kind, value)
    except ApiError as error:
        assert error.code == 400
        return
    set_defaults(kind, value)


@given(st.text("ab=!,()in <>-/. ", max_size=12))
def test_selectors_of_any_text(text: str) -> None:
    for parsed in (parse_labels, lambda each: parse_fields("Pod", each)):
        try:
            parsed(text)
        except ApiError as error:
            assert error.code == 400


@given(st.text("0123456789.eEmkKMGTPi+-", max_size=8))
def test_quantities_of_any_text(text: str) -> None:
    try:
        amount = parse(text)
    except ValueError:
        return
    assert parse(str(amount)).value == amount.value
