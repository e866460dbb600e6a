"""World files that say only in what they differ from another one."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import ConfigErrors, default_world, load_world, read_world
from orchestrator.config.extending import overlaid, plain_yaml
from orchestrator.config.tree import read_tree
from orchestrator.scenarios.variants import merged

ROOT = Path(__file__).parents[3]
BASE = """\
version: 1
name: base
elements:
  a: {kind: host, address: 10.0.0.1/24}
  b: {kind: host, address: 10.0.0.2/24}
links:
  wire: {between: [a.eth0, b.eth0], delay: 1ms, rate: 10mbit}
"""


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(dedent(text))
    return folder / name


def faults(path: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load_world(path)
    return [str(error).replace(f"{path.parent}/", "") for error in caught.value.errors]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, BASE, "base.yaml")
    return tmp_path


def test_what_is_named_is_merged_and_the_rest_stays(folder: Path):
    path = write(
        folder,
        """\
        extends: base.yaml
        name: own
        elements:
          b: {address: 10.0.0.7/24}
        links:
          wire: {delay: 5ms, rate: null}
        """,
    )
    world, base = load_world(path), load_world(folder / "base.yaml")
    assert (world.name, base.name, world.version) == ("own", "base", 1)
    assert world.elements["a"] == base.elements["a"]
    assert world.elements["b"].raw == {"address": "10.0.0.7/24"}
    wire = world.links["wire"]
    assert (wire.delay, wire.rate, wire.between) == (5_000_000, None, base.links["wire"].between)
    assert world.plain()["links"] == {"wire": {"between": ["a.eth0", "b.eth0"], "delay": "5ms"}}


def test_an_element_of_another_kind_begins_anew(folder: Path):
    path = write(folder, "extends: base.yaml\nelements:\n  b: {kind: cloud}\n")
    assert faults(path)[0].startswith("own.yaml:")
    path = write(folder, "extends: base.yaml\nelements:\n  b: {kind: host}\n")
    assert load_world(path).elements == load_world(folder / "base.yaml").elements


def test_a_fault_is_told_in_the_file_where_it_stands(folder: Path):
    write(folder, BASE.replace("delay: 1ms", "delay: 1"), "base.yaml")
    path = write(folder, "extends: base.yaml\nelements:\n  b: {adress: 10.0.0.7/24}\n")
    base, own = faults(path)
    assert base == "base.yaml:7:44: links.wire.delay: duration needs a unit, such as 800us, 20ms or 1m30s"
    assert own.startswith("own.yaml:3:7: elements.b.adress: unknown key, did you mean 'address'?")


def test_two_files_contradict_each_other(folder: Path):
    path = write(folder, "extends: base.yaml\nelements:\n  b: {address: 10.0.0.1/24}\n")
    (fault,) = faults(path)
    assert fault.startswith("own.yaml:3:16: elements.b.address: the address 10.0.0.1 belongs to a already")
    assert fault.endswith("base.yaml:4)")


def test_null_for_what_is_not_there_is_a_fault(folder: Path):
    path = write(folder, "extends: base.yaml\nlinks:\n  wier: null\n")
    assert faults(path) == [
        "own.yaml:3:3: links.wier: null takes away what the extended file has, and it has none, "
        "did you mean 'wire'?"
    ]


def test_files_that_are_not_there_and_circles(folder: Path):
    assert faults(write(folder, "name: own\nextends: bsae.yaml\n")) == [
        "own.yaml:2:10: extends: there is no file 'bsae.yaml' beside this one, did you mean 'base.yaml'?"
    ]
    assert faults(write(folder, "extends: [base.yaml]\n")) == [
        "own.yaml:1:10: extends: must be a world file, or `default`"
    ]
    write(folder, "extends: one.yaml\n", "two.yaml")
    assert faults(write(folder, "extends: two.yaml\n", "one.yaml")) == [
        "two.yaml:1:10: extends: a world cannot extend itself: one.yaml -> two.yaml -> one.yaml"
    ]
    write(folder, "- 1\n", "list.yaml")
    assert faults(write(folder, "extends: list.yaml\n")) == [
        "own.yaml:1:10: extends: list.yaml is not a world: it is no mapping"
    ]


def test_files_are_looked_for_beside_the_world_that_names_them(folder: Path):
    path = write(folder / "elsewhere", "extends: default\nname: mine\n")
    mine, default = load_world(path), load_world(default_world())
    assert mine.elements == default.elements and mine.links == default.links
    assert mine.plain() == {**default.plain(), "name": "mine"}


def test_what_is_laid_over_a_world_cannot_extend_another(folder: Path):
    with pytest.raises(ConfigErrors, match="extends: only a world file itself can say"):
        load_world(folder / "base.yaml", {"extends": "default"})


def test_the_example_of_the_manual_is_sound():
    page = (ROOT / "docs" / "config.md").read_text()
    example = page[page.index("extends: journey.yaml") :].partition("```")[0]
    nat = read_world(example, default_world().with_name("small.yaml")).elements["home-router"].raw["nat"]
    assert nat["max_mappings"] == 64 and "tcp_transitory_timeout" not in nat and "udp_timeout" in nat


PLAIN = st.recursive(
    st.integers(0, 3) | st.text("ab", max_size=2) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
CHANGE = st.recursive(
    st.none() | st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("xyz"), PLAIN), st.dictionaries(st.sampled_from("xyz"), CHANGE))
def test_trees_are_merged_as_plain_values_are(base: dict[str, object], change: dict[str, object]):
    over = read_tree(plain_yaml(change))[0]
    assert overlaid(read_tree(plain_yaml(base))[0], over).value == merged(base, change)
