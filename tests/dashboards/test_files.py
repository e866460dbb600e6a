"""The committed dashboards: fresh, well formed, and such that Grafana shows them without being asked anything."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.__main__ import main, wanted
from dashboards.model import FOLD, Page, Panel
from dashboards.pages import PAGES

ROOT = Path(__file__).parents[2] / "dashboards"
FILES = sorted((ROOT / "json").glob("*.json"))
UIDS = {page.uid for page in PAGES}

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.uid)


def panels_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """All panels, also those that are folded away, and the headings."""
    return [each for panel in found["panels"] for each in (panel, *(panel.get("panels") or []))]


def test_the_files_are_what_the_pages_say():
    stale = [path.name for path, text in wanted().items() if not path.exists() or path.read_text() != text]
    assert stale == [], "run `make dashboards`"
    assert {path.stem for path in FILES} == UIDS
    assert main(["check"]) == 0


def test_the_command_says_how_it_is_used(capsys: pytest.CaptureFixture[str]):
    assert main([]) == main(["bild"]) == 2
    assert "build|check" in capsys.readouterr().err


@every_file
def test_grafana_takes_it_as_its_own(path: Path):
    text = path.read_text()
    found = json.loads(text)
    assert found["uid"] == path.stem and len(found["uid"]) <= 40
    assert found["id"] is None, "Grafana gives the number"
    assert "${DS_" not in text, "provisioning resolves no placeholders"
    assert found["schemaVersion"] >= 36
    numbers = [panel["id"] for panel in panels_of(found)]
    assert len(set(numbers)) == len(numbers)


@every_file
def test_every_query_goes_to_the_data_source_that_is_provisioned(path: Path):
    [source] = yaml.safe_load((ROOT / "provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    uid = {"type": source["type"], "uid": source["uid"]}
    found = json.loads(path.read_text())
    asking = [*found["annotations"]["list"], *found["templating"].get("list", [])]
    for panel in panels_of(found):
        targets = panel.get("targets") or []
        asking += targets and [panel, *targets]
        letters = [target["refId"] for target in targets]
        assert len(set(letters)) == len(letters), panel["title"]
    assert all(each["datasource"] == uid for each in asking)


@every_file
def test_panels_do_not_lie_on_each_other(path: Path):
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(path.read_text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} on {taken[x, y]}"
                taken[x, y] = panel["title"]
    above = {title for (_, y), title in taken.items() if y < FOLD}
    assert len(above) <= 12, "more than a screen can tell"


@every_page
def test_every_panel_says_what_one_should_see(page: Page):
    titles = [panel.title for panel in page.every_panel()]
    assert len(set(titles)) == len(titles)
    assert page.question.endswith("?")
    for panel in page.every_panel():
        assert panel.description.endswith("."), f"{panel.title}: a sentence"
        assert bool(panel.queries) != (panel.kind in ("text", "dashlist"))
        assert (
            panel.kind == "table" or all(query.legend for query in panel.queries) or len(panel.queries) == 1
        )


@every_page
def test_links_lead_to_dashboards(page: Page):
    for panel in page.every_panel():
        assert UIDS.issuperset(panel.leads_to)
        assert page.uid not in panel.leads_to
        assert UIDS.issuperset(re.findall(r"/d/([\w-]+)", panel.text))


@every_page
def test_choices_are_those_that_queries_use(page: Page):
    used = {
        name
        for panel in page.every_panel()
        for query in panel.queries
        for name in re.findall(r"\$(\w+)", query.expr)
    }
    assert used - {"__rate_interval", "__interval", "__range"} == {
        variable.name for variable in page.variables
    }


def wraps_a_counter(panel: Panel) -> bool:
    """Whether every counter that a panel shows is shown as a rate: its sum says nothing."""
    for query in panel.queries:
        for metric in re.findall(r"\b(?:journey|coredns)_\w+_total\b", query.expr):
            if not re.search(rf"(?:rate|increase)\({metric}|{metric}\S* offset", query.expr):
                return False
    return True


@every_page
def test_counters_are_shown_as_rates(page: Page):
    assert [panel.title for panel in page.every_panel() if not wraps_a_counter(panel)] == []
