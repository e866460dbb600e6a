from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.element import Claim
from orchestrator.config import ConfigErrors, load_world, read_world
from orchestrator.config.tree import MAX_VALUES, NotYaml, Position, read_tree

TWO_HOSTS = """\
version: 1
url: https://server.test/
elements:
  a: &host
    kind: host
    address: 10.0.0.1/24
    wait: 1m30s
    attributes: {idle_timeout.timeout_seconds: 5}
  b: {<<: *host, address: 10.0.0.2/24}
links:
  wire: {between: [a.eth0, b.eth0], delay: 1ms, rate: 10mbit}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        read_world(text, Path("w.yaml"))
    return str(caught.value).splitlines()


def test_a_world_has_elements_with_their_own_configs_and_links():
    world = read_world(TWO_HOSTS, Path("w.yaml"))
    assert (world.version, world.name, world.seed, world.url) == (1, "world", 1, "https://server.test/")
    a, b = world.elements["a"], world.elements["b"]
    assert (a.kind, a.config.wait, a.config.attributes.idle_timeout) == ("host", 90_000_000_000, 5)
    assert list(b.config.claims()) == [
        Claim("address", "10.0.0.2/24", ("address",)),
        Claim("subnet", "10.0.0.2/24", ("address",)),
    ]
    assert b.raw == {
        "address": "10.0.0.2/24",
        "wait": "1m30s",
        "attributes": {"idle_timeout.timeout_seconds": 5},
    }
    link = world.links["wire"]
    assert (link.between, link.delay, link.rate, link.mtu) == (
        ("a.eth0", "b.eth0"),
        1_000_000,
        10_000_000,
        1500,
    )


def test_merged_keys_may_be_a_list_and_the_first_wins():
    tree, wrong = read_tree("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {<<: [*a, *b], z: 3}\n")
    assert not wrong
    assert tree.value["c"] == {"x": 1, "y": 1, "z": 3}
    assert tree.position(("c", "x")) == Position(1, 11)
    assert tree.position(("c", "z")) == Position(3, 22)


def test_dates_stay_text():
    assert read_tree("since: 2026-01-01")[0].value == {"since": "2026-01-01"}


def test_files_become_absolute_so_that_a_process_anywhere_finds_them(tmp_path: Path):
    (tmp_path / "zones").mkdir()
    (tmp_path / "zones" / "test.zone").write_text("")
    path = tmp_path / "w.yaml"
    path.write_text(TWO_HOSTS.replace("wait: 1m30s", "zones: [zones/test.zone]"))
    spec = load_world(path).elements["a"]
    absolute = str((tmp_path / "zones" / "test.zone").resolve())
    assert spec.raw["zones"] == [absolute]
    assert spec.config.zones == (absolute,)


def test_certificates_are_those_that_elements_name():
    text = TWO_HOSTS.replace("wait: 1m30s", "certificates: [b.test, a.test]")
    assert read_world(text, Path("w.yaml")).certificate_names() == ["a.test", "b.test"]


def test_two_hosts_on_a_router_that_bridges_them_share_its_subnet():
    text = TWO_HOSTS.split("links:")[0] + (
        "  r: {kind: cloud, cidr: 10.0.0.0/16, subnets: {lan: 10.0.0.0/24}, ports: [one, two]}\n"
        "links:\n  one: {between: [r.one, a.eth0]}\n  two: {between: [r.two, b.eth0]}\n"
    )
    assert set(read_world(text, Path("w.yaml")).links) == {"one", "two"}


def test_a_fault_elsewhere_does_not_hide_or_multiply_faults():
    text = TWO_HOSTS.replace("delay: 1ms", "delay: 1").replace("b.eth0]", "b.eth9]")
    assert faults(text) == [
        "w.yaml:11:28: links.wire.between[1]: b has no port 'eth9', did you mean 'eth0'?",
        "w.yaml:11:44: links.wire.delay: duration needs a unit, such as 800us, 20ms or 1m30s",
    ]


def test_aliases_of_aliases_do_not_fill_the_memory():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(NotYaml, match=f"more than {MAX_VALUES:,} values"):
        read_tree("\n".join(lines))


def test_deep_nesting_is_refused():
    assert faults("[" * 5000) == ["w.yaml:1:1: this is nested too deeply"]


def test_characters_that_may_not_stand_in_yaml():
    assert faults("version: 1\nname: a\x00b\n") == ["w.yaml:2:8: the character '\\x00' may not stand in YAML"]


def test_a_file_that_is_not_there(tmp_path: Path):
    (tmp_path / "journey.yaml").write_text("")
    with pytest.raises(ConfigErrors) as caught:
        load_world(tmp_path / "jorney.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/jorney.yaml: no such file or directory, did you mean 'journey.yaml'?"
    )


def test_a_file_that_is_not_text(tmp_path: Path):
    path = tmp_path / "w.yaml"
    path.write_bytes(b"version: 1\nname: \xff\n")
    with pytest.raises(ConfigErrors) as caught:
        load_world(path)
    assert str(caught.value) == f"{path}:2:7: this is not UTF-8 text"


def read_or_explain(text: str) -> None:
    try:
        read_world(text, Path("w.yaml"))
    except ConfigErrors as error:
        assert error.errors
        assert len(str(error).splitlines()) == len(error.errors)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_explained(text: str):
    read_or_explain(text)


WORDS = "version url elements links kind host router cloud a a.eth0 between delay interfaces address subnets zones"
SCALARS = (
    "1ms 1:30 017 0x1f on ~ 1e3 .inf 10.0.0.1/24 10.0.0.1/33 neighbour \\U00110000 !!binary !!int !!float <<"
)
MARKS = [
    ": ",
    ":\n  ",
    ":\n    ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ", ",
    "? ",
    "| ",
    "> ",
    "#",
    "\t",
]
MORE_MARKS = ["%", "---\n", "'", '"', "*a", "&a"]
YAML_PIECES = st.sampled_from([*WORDS.split(), *SCALARS.split(), *MARKS, *MORE_MARKS])


@given(st.lists(YAML_PIECES, max_size=40).map("".join))
@settings(max_examples=500, deadline=None)
@example("!!int\nversion1:30")
@example("!!int 07zz")
@example("!!float 1:zz")
def test_any_yaml_is_read_or_explained(text: str):
    read_or_explain(text)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 99_999)
    | st.floats()
    | st.sampled_from(["", "a", "host", "1ms", "10.0.0.1/24"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "a", "eth0", "port"]), inner, max_size=3)
    ),
    max_leaves=8,
)
LINES = TWO_HOSTS.splitlines()


def as_flow(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {as_flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(as_flow, value)) + "]"
        case _:
            return repr(value)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_world_with_any_values_in_it_is_read_or_explained(data: st.DataObject):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[index].partition(": ")
        lines[index] = f"{key}{colon}{as_flow(data.draw(VALUES))}" if colon else as_flow(data.draw(VALUES))
    read_or_explain("\n".join(lines))
