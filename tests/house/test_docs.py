"""The docs say what the code does: pages made from it are fresh, and what they name is there."""

import ast
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from actors.protocols.alb_causes import Cause
from orchestrator.config import default_world, load_world
from orchestrator.config.schema import world_schema
from orchestrator.journal.sentences import SENTENCES
from orchestrator.metrics.handbook import metrics_page
from orchestrator.simulation import simulate

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_on_world_files_is_fresh():
    assert (ROOT / "docs" / "config.md").read_text() == generator().config_page(), "run `make docs`"


def test_the_page_on_metrics_is_fresh():
    assert (ROOT / "docs" / "metrics.md").read_text() == metrics_page(), "run `make docs`"


def test_the_page_on_the_command_line_is_fresh():
    assert (ROOT / "docs" / "cli.md").read_text() == generator().cli_page(), "run `make docs`"


def test_the_page_on_scenario_files_is_fresh():
    assert (ROOT / "docs" / "scenario-files.md").read_text() == generator().scenario_page(), "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_reference_of_the_schema_is_defined():
    schema = world_schema()
    references = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', json.dumps(schema)))
    assert references <= schema["$defs"].keys()
    assert {"element", "link"} <= references


def test_the_schema_writes_quantities_with_their_units():
    delay = world_schema()["$defs"]["link"]["properties"]["delay"]
    assert delay["default"] == "0"
    assert "title" not in delay
    tracking = world_schema()["$defs"]["vpc.ConnectionTracking"]["properties"]
    assert tracking["udp_stream_timeout"]["default"] == "3m"


def kinds_written() -> set[str]:
    """The kinds of records that the code writes: texts such as "dhcp.ack" in the rooms that write records."""
    sources = [
        *(ROOT / "actors").rglob("*.py"),
        *(ROOT / "orchestrator").glob("*.py"),
        *(ROOT / "orchestrator/control").glob("*.py"),
        *(ROOT / "orchestrator/faults").glob("*.py"),
    ]
    sources = [path for path in sources if "kubernetes" not in path.parts]  # paths of fields look like kinds
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text()))]
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    first_words = "|".join({kind.partition(".")[0] for kind in journal_rows()})
    told = {kind for node in nodes if isinstance(node, ast.Call) for kind in _first_told(node)}
    return told | {text for text in texts if re.fullmatch(rf"({first_words})\.[a-z_]+", text)}


def _first_told(call: ast.Call) -> set[str]:
    """The kind that a call of `event` or `record` begins with, whatever its first word is."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("event", "record") or not call.args:
        return set()
    first = call.args[0]
    is_kind = isinstance(first, ast.Constant) and re.fullmatch(r"[a-z0-9_]+\.[a-z_]+", str(first.value))
    return {str(first.value)} if is_kind else set()


def journal_rows() -> dict[str, set[str]]:
    """The fields that the page on the journal names for each kind."""
    rows = {}
    for line in (ROOT / "docs" / "journal.md").read_text().splitlines():
        kinds, _, fields = line.removeprefix("| ").partition(" | ")
        for kind in re.findall(r"`([a-z0-9_]+\.[a-z_]+)`", kinds) if line.startswith("| `") else []:
            rows[kind] = set(re.findall(r"`(\w+)`", fields))
    return rows


def test_the_journal_page_has_every_kind_that_is_written_and_no_other():
    assert kinds_written() == journal_rows().keys() >= SENTENCES.keys()


def test_the_journal_page_has_every_field_of_a_journey():
    rows, common = journal_rows(), {"t_ns", "element", "kind", "journey"}
    journal = simulate(load_world(default_world()), seed=7, duration_s=1.0)["journal"]
    undocumented = {
        f"{record['kind']}: {field}"
        for record in journal
        for field in record.keys() - common - rows.get(record["kind"], set())
    }
    assert not undocumented
    assert len({record["kind"] for record in journal}) > 30


def test_the_load_balancers_page_has_every_cause_with_its_status_and_sentence():
    page = (ROOT / "docs" / "load-balancer.md").read_text()
    missing = [cause for cause in Cause if f"| {cause.status} | `{cause}` | {cause.sentence} |" not in page]
    assert not missing
