"""Reading YAML as Kubernetes does."""

from typing import Any

import pytest

from actors.parts.kubernetes.apiserver.values import decode_json, parse_yaml
from actors.protocols.kubernetes.status import ApiError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("0x1f", 31), ("010", 8), ("+5", 5), ("0", 0), ("0o14", "0o14"), ("1_000", "1_000"),
        ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), (".inf", ".inf"), ("99999999999999999999", 1e20),
        ("yes", True), ("off", False), ("y", "y"), ("~", None), ("", None), ("'1'", "1"), ("50m", "50m"),
    ],
)  # fmt: skip
def test_scalars(text: str, value: Any):
    [[read]] = parse_yaml(f"[{text or '~'}]")
    assert (read, type(read)) == (value, type(value))


def test_documents_are_counted_with_the_empty_ones():
    assert parse_yaml("a: 1\n---\n---\nb: 2\n") == [{"a": 1}, None, {"b": 2}]


def test_anchors_may_be_used_but_not_to_fill_the_memory():
    assert parse_yaml("a: &x {b: 1}\nc: *x\n") == [{"a": {"b": 1}, "c": {"b": 1}}]
    laughs = "a0: &a0 [lol]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    for text in (laughs, "a: &a [*a]"):
        with pytest.raises(ApiError, match="excessive aliasing"):
            parse_yaml(text)


@pytest.mark.parametrize(
    "text", ["[", "a: b: c", "\t- x", "!!python/object:os.system x", "[" * 300 + "]" * 300, "1e999"]
)
def test_what_is_none(text: str):
    with pytest.raises(ApiError) as caught:
        parse_yaml(text)
    assert caught.value.code == 400


@pytest.mark.parametrize("text", ["", "{", "nan", "[NaN]", "[1e999]", "[-Infinity]", "\xff", "[" * 5000])
def test_what_is_no_json(text: str):
    with pytest.raises(ApiError) as caught:
        decode_json(text.encode("latin-1"))
    assert caught.value.code == 400
