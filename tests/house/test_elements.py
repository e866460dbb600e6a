"""What is true of every element: found by itself, documented, and configured by models that say what they mean."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from actors.element import Element, ElementConfig
from orchestrator.config import default_world, load_world
from orchestrator.config.kinds import kind_names, kinds
from orchestrator.config.schema import world_schema

KINDS = {name: (config, element) for name, config, element in kinds()}


def definitions_of(kind: str) -> Iterator[tuple[str, dict]]:
    for name, definition in world_schema()["$defs"].items():
        if name == kind or name.startswith(f"{kind}."):
            yield name, definition


def is_one_sentence(text: str | None) -> bool:
    first = (text or "").strip().split("\n\n")[0]
    return re.fullmatch(r"[A-Za-z].*[.]", " ".join(first.split())) is not None


def test_every_kind_of_the_default_world_is_found():
    used = {spec.kind for spec in load_world(default_world()).elements.values()}
    assert used <= KINDS.keys() == set(kind_names())


@pytest.mark.parametrize("kind", KINDS)
def test_an_element_says_in_a_sentence_what_it_is(kind: str):
    config, element = KINDS[kind]
    assert issubclass(element, Element) and issubclass(config, ElementConfig)
    assert is_one_sentence(element.__doc__), f"actors/{kind}.py: {element.__name__} needs a docstring"
    assert is_one_sentence(config.__doc__), f"actors/{kind}.py: Config needs a docstring"


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_config_is_described(kind: str):
    definitions = world_schema()["$defs"]
    missing = [
        f"{name}.{key}"
        for name, definition in definitions_of(kind)
        for key, value in definition.get("properties", {}).items()
        if not is_described(value, definitions)
    ]
    assert not missing, "these need Field(description=...)"


def is_described(value: dict, definitions: dict[str, dict]) -> bool:
    """A key that leads to a part with a docstring needs no words of its own, nor does one with a single value."""
    if "description" in value or "const" in value:
        return True
    parts = re.findall(r"'#/\$defs/([^']+)'", str(value))
    return bool(parts) and all("description" in definitions[part] for part in parts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_a_config_refuses_unknown_keys(kind: str):
    loose = [
        name
        for name, definition in definitions_of(kind)
        if "properties" in definition and definition.get("additionalProperties") is not False
    ]
    assert not loose, 'these need ConfigDict(extra="forbid")'


def test_there_is_something_to_check():
    assert len(KINDS) >= 10
    assert issubclass(ElementConfig, BaseModel)
