"""The report's page in a real browser: it draws, says nothing on the console, and asks nobody for anything."""

import re
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from playwright import sync_api

from orchestrator.reports.files import write_run
from orchestrator.reports.result import RunResult
from tests.orchestrator.reports.bed import played
from tests.tools import needs

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = needs("chromium")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return played(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def page_file(result: RunResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("run")
    write_run(result, directory)
    return directory / "report.html"


@pytest.fixture(scope="module")
def browser(page_file: Path) -> Iterator[Any]:
    """Comes after the run: playwright holds this thread's event loop."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(browser: Any, page_file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
    troubles: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda each: asked.append(each.url))
    page.goto(page_file.as_uri())
    yield page
    assert troubles == [] and asked == [page_file.as_uri()]
    page.close()


def test_everything_is_drawn(page):
    assert page.locator("h1").inner_text() == "Is <it> small?"
    assert page.locator(".card").all_inner_texts()[1].startswith("failing ✓ fails, as expected")
    titles = page.locator("figcaption").all_text_contents()
    for words in (
        "Latency by percentile", "Where the time went", "Latency over time", "Offered, completed, dropped",
        "Answers a second, by pod", "Outstanding requests at alb-1a", "Outstanding requests at alb-1b",
        "Target states", "Pod states", "Messages of one request", "Errors",
    ):  # fmt: skip
        assert any(words in title for title in titles), words
    shapes = page.locator("svg").evaluate_all(
        "all => all.map(svg => svg.querySelectorAll('path,rect,circle').length)"
    )
    assert len(shapes) > 30 and min(shapes) > 0
    broken = page.evaluate("() => /NaN|undefined|Infinity/.exec(document.getElementById('report').innerHTML)")
    assert broken is None
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_clients_are_told_apart_where_there_are_several(browser, result, tmp_path):
    """Ten, with the figures of one and the same: more than there are colours for."""
    result = deepcopy(result)
    load = result.variants[0].figures["load"]
    [alone] = load["clients"].values()
    load["clients"] = {f"laptop-{number}": {**alone, "requests": number} for number in range(1, 11)}
    write_run(result, tmp_path)
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "report.html").as_uri())
    shown = page.locator(".variant:not([hidden])")
    rows = shown.locator("table", has_text="laptop-10").locator("tbody tr").all_inner_texts()
    told = [row.split("\t") for row in rows]
    assert [(row[0], row[1]) for row in told] == [
        (f"laptop-{number}", str(number)) for number in range(1, 11)
    ]
    assert told[0][6].endswith(" ms") and told[0][-1] == "0"
    figure = shown.locator("figure", has_text="of the 8 clients with the highest p99")
    assert figure.locator(".legend span span, .legend > span").count() >= 8
    assert figure.locator("svg path").count() == 8
    failing = page.locator(".variant").nth(1)
    assert "Clients" not in failing.locator("h2").all_text_contents(), "one laptop is the whole"
    page.close()


def test_a_phone_shows_all_of_it_in_words_that_can_be_read(browser, page_file):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(page_file.as_uri())
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    drawn = "all.filter(svg => svg.clientWidth).map(svg => 11 * svg.clientWidth / svg.viewBox.baseVal.width)"
    smallest = page.locator("figure svg").evaluate_all(f"all => Math.min(...{drawn})")
    assert smallest > 7
    page.close()


def test_colours_follow_the_reader(page):
    paper = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    dark = page.evaluate("() => matchMedia('(prefers-color-scheme: dark)').matches")
    assert paper == ("rgb(15, 19, 24)" if dark else "rgb(255, 255, 255)")


def test_variants_lines_values_and_ranges_can_be_chosen(page):
    shown = page.locator(".variant:not([hidden])")
    assert shown.get_attribute("data-variant") == "fine"
    page.locator("nav button", has_text="failing").click()
    assert shown.get_attribute("data-variant") == "failing"

    chart = shown.locator("figure", has_text="Latency over time")
    lines = chart.locator("svg path").count()
    chart.locator(".legend button", has_text="p90").click()
    assert chart.locator("svg path").count() == lines - 1

    box = chart.locator("svg").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    tip = page.locator("#tip")
    assert re.match(r"at [\d.]+ s\np50: [\d.]+ ms\n", tip.inner_text())
    ticks = chart.locator("svg text").all_text_contents()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, middle)
    page.mouse.up()
    assert chart.locator("svg text").all_text_contents() != ticks, "zoomed in"
    chart.locator("svg").dblclick(position={"x": 100, "y": 60})
    assert chart.locator("svg text").all_text_contents() == ticks, "and out"


def test_another_requests_messages_can_be_chosen(page):
    figure = page.locator(".variant:not([hidden]) figure", has_text="Messages of one request")
    first = figure.locator("svg").inner_html()
    figure.locator("select").select_option(index=1)
    assert figure.locator("svg").inner_html() != first
    assert "HTTP GET / HTTP/1.1" in figure.locator("svg").text_content()


def test_print_has_all_variants_on_white(page):
    page.emulate_media(media="print")
    assert page.locator(".variant:visible").count() == 2
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("nav").is_visible()
    assert len(page.pdf(format="A4", print_background=True)) > 10_000
