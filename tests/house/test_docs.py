"""The docs say what the code does: pages made from it are fresh, and what they name is there."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.config.schema import world_schema

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
