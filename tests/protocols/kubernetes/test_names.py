"""Names, labels, generated names and UIDs."""

import random
import uuid

import pytest

from actors.protocols.kubernetes.names import (
    ALPHABET,
    dns_1035_problems,
    generate_name,
    label_problems,
    label_value_problems,
    port_name_problems,
    qualified_name_problems,
    subdomain_problems,
    uid,
)

SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and"
    " end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with"
    " an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize("name", ["a", "a.b", "nginx-7d.x", "1", "a" * 253])
def test_good_subdomains(name: str) -> None:
    assert subdomain_problems(name) == []


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a..b", ".a", "a\n"])
def test_bad_subdomains(name: str) -> None:
    assert subdomain_problems(name) == [SUBDOMAIN]


def test_bad_labels() -> None:
    assert label_problems("a.b") == [LABEL]
    assert label_problems("a" * 64) == ["must be no more than 63 characters"]
    assert "(e.g. 'my-name',  or 'abc-123', regex" in dns_1035_problems("1a")[0]


@pytest.mark.parametrize("key", ["app", "App.x_y", "a.io/b", "kubernetes.io/metadata.name"])
def test_good_keys(key: str) -> None:
    assert qualified_name_problems(key) == []


def test_bad_keys() -> None:
    assert qualified_name_problems("/a") == ["prefix part must be non-empty"]
    assert qualified_name_problems("a/b/c")[0].endswith("prefix and '/' (e.g. 'example.com/MyName')")
    assert qualified_name_problems("a/")[0] == "name part must be non-empty"
    assert qualified_name_problems("A_/b") == ["prefix part " + SUBDOMAIN]
    assert qualified_name_problems("a" * 64) == ["name part must be no more than 63 characters"]


def test_label_values() -> None:
    assert label_value_problems("") == label_value_problems("a_B.c-1") == []
    assert len(label_value_problems("-" * 64)) == 2


def test_port_names() -> None:
    assert port_name_problems("http") == []
    assert port_name_problems("80") == ["must contain at least one letter (a-z)"]
    assert port_name_problems("a--b") == ["must not contain consecutive hyphens"]
    assert len(port_name_problems("-" + "A" * 16)) == 4


def test_generated_names_are_the_prefix_and_five_more() -> None:
    name = generate_name("nginx-", random.Random(1))
    assert name.startswith("nginx-")
    assert len(name) == 11
    assert set(name[6:]) <= set(ALPHABET)
    assert len(generate_name("a" * 90, random.Random(1))) == 63


def test_equal_dice_give_equal_names() -> None:
    assert generate_name("a", random.Random(7)) == generate_name("a", random.Random(7))
    assert uid(random.Random(7)) == uid(random.Random(7))


def test_uids_are_uuids_of_version_4() -> None:
    dice = random.Random(3)
    for _ in range(50):
        text = uid(dice)
        assert str(uuid.UUID(text)) == text
        assert uuid.UUID(text).version == 4
        assert uuid.UUID(text).variant == uuid.RFC_4122
