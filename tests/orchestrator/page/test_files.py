"""What a browser is sent: little, and nothing that comes from elsewhere."""

import gzip
import re
from pathlib import Path

from orchestrator.page.server import HERE, parts

MOST_BYTES = 60_000
PAGE = HERE / "static" / "index.html"


def files() -> list[Path]:
    return [PAGE, *parts().values()]


def test_all_of_it_is_small():
    assert sum(len(gzip.compress(path.read_bytes(), 9)) for path in files()) <= MOST_BYTES


def test_every_part_that_is_named_is_there_and_none_is_idle():
    text = "\n".join(path.read_text() for path in files() if "vendor" not in path.parts)
    named = set(re.findall(r'"(?:/static|\.)/([\w.]+)"', text))
    assert named == parts().keys()


def test_nothing_is_asked_of_anybody_else():
    for path in files():
        if "vendor" not in path.parts:
            found = set(re.findall(r"https?://[^\s\"'`)<]+", path.read_text()))
            assert found <= {"http://www.w3.org/2000/svg"}, path.name


def test_the_page_has_no_styles_and_scripts_of_its_own():
    """Its policy would not let them work."""
    text = "\n".join(path.read_text() for path in files() if "vendor" not in path.parts)
    assert not re.search(r"\sstyle=|<style|<script>|innerHTML|\bon\w+=\"", text)


def test_what_comes_from_others_has_its_licence():
    licence = (HERE / "vendor" / "uPlot.LICENSE").read_text()
    assert "MIT" in licence and "Permission is hereby granted" in licence
