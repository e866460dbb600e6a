"""The live page of a running world in a real browser: what is seen, what can be done, and that a fault is explained.

One world and one page for all of it; figures of speed are printed (`pytest -rP`) and decide nothing.
"""

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from playwright import sync_api

from tests.tools import needs

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
JOURNEY = [sys.executable, "-m", "orchestrator.cli"]
WAIT_MS = 25_000

pytestmark = needs("chromium")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where the page is, and the ingress."""
    home = tmp_path_factory.mktemp("h")
    environment = {**os.environ, "JOURNEY_HOME": str(home)}

    def journey(*arguments: str) -> str:
        command = [*JOURNEY, *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    off = [word for door in ("metrics", "dns", "proxy") for word in (f"--{door}", "off")]
    try:
        journey("up", "--detach", "--page", "127.0.0.1:0", "--http", "127.0.0.1:0", *off)
        yield journey("open", "--no-browser"), json.loads(journey("ps", "--json"))["addresses"]["ingress"]
        assert "Traceback" not in (home / "up.log").read_text()
    finally:
        journey("down")


@pytest.fixture(scope="module")
def url(places: tuple[str, str]) -> str:
    return places[0]


@pytest.fixture(scope="module")
def page(url: str) -> Iterator[Any]:
    troubles: list[str] = []
    asked: set[str] = set()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda each: asked.add(each.url.split("/")[2]))
        page.goto(url)
        page.evaluate("import('/static/main.js').then((main) => { window.main = main; })")
        page.wait_for_function("() => window.main && window.main.placeOf('laptop')")
        yield page
        browser.close()
    assert troubles == []
    assert asked == {url.split("/")[2]}


def click_on(page: Any, element: str) -> None:
    """In the picture."""
    box = page.locator("#dots").bounding_box()
    place = page.evaluate("name => { const { x, y } = main.placeOf(name); return { x, y }; }", element)
    page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])


def rates(page: Any) -> dict[str, float]:
    """Requests a second by pod, as the bars tell."""
    bars = page.locator("#targets [data-target]")
    return {
        bar.get_attribute("data-target"): float(bar.inner_text().split("·")[1].strip(" /s"))
        for bar in bars.all()
    }


def test_something_is_seen_before_anybody_sends_anything(page):
    page.wait_for_function("() => main.clock.loop && main.dotsNow() > 0")
    assert "once more" in page.locator("#empty").inner_text()
    paint = page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
    print(f"first contentful paint after {paint:.0f} ms")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")


def test_requests_move_over_the_map(page):
    page.locator("#begin").click()
    page.wait_for_function("() => main.clock.live && main.clock.requests.length > 8 && main.dotsNow() > 0")
    page.wait_for_function("""() => {
      const drawn = document.getElementById("dots"), blank = document.createElement("canvas");
      [blank.width, blank.height] = [drawn.width, drawn.height];
      return drawn.toDataURL() !== blank.toDataURL();
    }""")
    assert page.locator("#done code").first.inner_text() == "journey load --rate 20/s --duration 1h"
    assert page.locator("#requests li").count() > 3


def test_a_click_on_an_element_opens_its_state(page):
    click_on(page, "alb-1a")
    page.wait_for_selector("#drawer table")
    assert "least_outstanding_requests" in page.locator("#drawer").inner_text()
    assert page.locator("#drawer code").inner_text() == "journey inspect alb-1a"
    page.keyboard.press("Escape")
    assert not page.locator("#drawer").is_visible()


def test_everything_in_the_picture_is_in_a_list_for_the_keyboard(page):
    page.locator("#elements summary").focus()
    page.keyboard.press("Enter")
    page.locator("#element-list [data-element=home-router]").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawer:has-text('nat sessions')")
    page.locator("#drawer button").first.press("Enter")
    assert page.evaluate("() => document.activeElement.dataset.element") == "home-router"
    page.locator("#elements summary").press("Enter")


def test_slow_motion_shows_true_times_and_tells_decisions(page):
    page.locator("#speed").evaluate(
        "(slider) => { slider.value = 9; slider.dispatchEvent(new Event('input')); }"
    )
    assert page.locator("#speed-told").inner_text() == "1/1000" and not page.evaluate("() => main.clock.live")
    page.wait_for_function("() => main.dotsNow() > 0")
    page.evaluate("() => main.clock.goTo(main.clock.requests[0].at)")  # the one with the most to ask before
    page.wait_for_function(
        "() => document.getElementById('said').textContent.includes('ms  laptop: The click')"
    )
    page.locator("#pause").click()
    before = page.evaluate("() => [main.clock.at, performance.now()]")
    page.wait_for_function(f"() => performance.now() > {before[1]} + 100")
    assert page.evaluate("() => main.clock.at") == before[0], "time stands still"
    page.locator("#live").click()
    assert page.locator("#scrub-told").inner_text() == "now"


def test_slow_motion_leaves_out_what_is_idle_and_no_decision(page):
    """The machine was busy between a click and its first packet: what is decided there is still told, one by one."""
    seen = page.evaluate("""async () => {
      const { Clock } = await import("/static/clock.js"), clock = new Clock(), seen = [];
      clock.heard(performance.now() + 5000);
      const notes = [[0, "laptop", "click"], [3, "laptop", "asks"], [40, "laptop", "done"]];
      const steps = [["laptop", "isp", 20, 21, "DNS"]];
      clock.add([{ id: "a", at: 100, ms: 41, outcome: "ok", notes, steps, lost: [] }]);
      clock.slowDown(9);
      clock.goTo(100);
      clock.last = 0;
      for (let wall = 250; clock.at < 140.5; wall += 250) {
        clock.tick(wall);
        seen.push(clock.at - 100);
      }
      return seen;
    }""")
    gaps = [round(later - earlier, 2) for earlier, later in itertools.pairwise([0.0, *seen])]
    assert [round(at, 2) for at, gap in zip(seen, gaps, strict=True) if gap > 1] == [2.25, 19.25, 39.25]


def test_a_request_can_be_followed_in_words(page):
    page.locator("#requests button").first.click()
    page.wait_for_selector("#follow .story")
    told = page.locator("#follow").inner_text()
    assert "least_outstanding_requests" in told and "The last byte is here: status 200" in told
    assert "journey=" in page.url
    assert page.locator("#follow svg rect").count() > 5
    fresh = page.context.browser.new_page()
    fresh.goto(page.url)  # as from another page's link
    fresh.wait_for_selector("#follow .story")
    fresh.close()
    page.locator("#follow .head button").click()


def test_a_request_of_ones_own_is_found_among_others(page, places):
    asked = urllib.request.Request(f"http://{places[1]}/", headers={"User-Agent": "curl/8.14.1"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        told = answer.headers["Link"]
    row = page.locator("#requests li[data-you]", has_text="you: curl via ingress")
    row.wait_for()
    assert f"#journey={row.get_attribute('data-id')}>" in told
    page.wait_for_function("() => main.clock.requests.some((each) => each.you === 'curl via ingress')")
    row.locator("button").click()
    page.wait_for_selector("#follow:has-text('you: curl via ingress')")
    assert "in a ring: you" in page.locator("#legend").inner_text()
    page.locator("#follow .head button").click()


def test_least_outstanding_requests_spares_a_slow_pod_and_round_robin_does_not(page):
    page.locator("#rate").fill("40")
    page.locator("#send").click()
    slow = page.locator("#slow").input_value()
    page.get_by_role("button", name="200 ms late").click()
    page.get_by_role("button", name="round robin").click()
    page.wait_for_selector("[data-algorithm=round_robin][aria-pressed=true]")
    page.wait_for_function(share(slow, "> 0.27"))
    page.get_by_role("button", name="least outstanding").click()
    page.wait_for_selector("[data-algorithm=least_outstanding_requests][aria-pressed=true]")
    page.wait_for_function(share(slow, "< 0.24"))
    assert rates(page)[slow] < max(rates(page).values())
    page.get_by_role("button", name="As usual").click()


def share(pod: str, condition: str) -> str:
    """JavaScript: whether a pod's bar tells such a part of all requests, of at least twenty a second."""
    return f"""() => {{
      const bars = [...document.querySelectorAll("#targets [data-target]")];
      const rates = bars.map((bar) => Number((bar.innerText.split("·")[1] || "").replace("/s", "")));
      const all = rates.reduce((sum, each) => sum + each, 0);
      const own = rates[bars.findIndex((bar) => bar.dataset.target === "{pod}")];
      return all > 20 && own / all {condition};
    }}"""


def test_a_cut_link_turns_requests_red_and_the_page_says_why(page):
    since = page.evaluate("() => main.clock.now")
    page.locator("#rate").fill("6")  # few enough for nearly every one to be recorded
    page.locator("#send").click()
    page.wait_for_selector("#done:has-text('6/s')")
    # there is a connection, on which the next one is sent
    page.wait_for_function(
        "since => main.clock.requests.some((each) => each.at > since && each.outcome === 'ok')", arg=since
    )
    page.locator("#link").select_option("fibre")
    page.locator("#cut").click()
    page.wait_for_function("() => main.clock.requests.some((each) => each.outcome === 'lost')")
    page.wait_for_selector("#why:has-text('the link is cut')")
    assert "journey fault add link/fibre cut" in page.locator("#done").inner_text()
    page.locator("#why button", has_text="End this fault").click()
    page.wait_for_selector("#why button", state="detached")


class Between:
    """A way to the page on which answers can get lost: `swallow()` lets nothing more of the streams under way through,
    and neither end is told."""

    def __init__(self, port: int) -> None:
        self._page = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._streams: set[socket.socket] = set()
        self._swallowed: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> None:
        assert self._streams
        self._swallowed |= self._streams

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self._listening.accept()
                server = socket.create_connection(self._page)
                threading.Thread(target=self._up, args=(browser, server), daemon=True).start()
                threading.Thread(target=self._down, args=(server, browser), daemon=True).start()

    def _up(self, browser: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError), server:
            while data := browser.recv(65536):
                if data.startswith(b"GET /events "):
                    self._streams.add(server)
                server.sendall(data)

    def _down(self, server: socket.socket, browser: socket.socket) -> None:
        with contextlib.suppress(OSError), browser:
            while data := server.recv(65536):
                if server not in self._swallowed:
                    browser.sendall(data)


def test_a_stream_that_has_fallen_silent_is_asked_for_anew(page, url):
    """As behind a container engine whose container was killed: no end of the connection arrives."""
    between = Between(int(url.split(":")[2].rstrip("/")))
    tab = page.context.browser.new_page()
    try:
        tab.goto(f"http://127.0.0.1:{between.port}/")
        tab.wait_for_function("() => document.querySelector('#link').options.length > 0")
        between.swallow()
        tab.wait_for_selector("#away:not([hidden])", timeout=WAIT_MS)
        tab.wait_for_selector("#away", state="hidden", timeout=WAIT_MS)
        tab.get_by_role("button", name="One request, told").click()
        tab.wait_for_selector("#follow .story", timeout=WAIT_MS)
    finally:
        tab.close()
        between.close()


def test_what_is_asked_of_a_world_that_is_away_is_told_so(page, url):
    tab, troubles = page.context.browser.new_page(), list[str]()
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.route("**/api/**", lambda route: route.abort())
    tab.goto(f"{url}#journey={'a' * 32}")
    tab.wait_for_selector("#follow:has-text('the world does not answer')", timeout=WAIT_MS)
    tab.locator("#elements summary").click()
    tab.locator("#element-list button", has_text="alb-1a").first.click()
    tab.wait_for_selector("#drawer:has-text('the world does not answer')", timeout=WAIT_MS)
    tab.close()
    assert troubles == []


def test_frames_are_cheap_with_many_dots(page):
    """A recorded request, as if it had been sent fifteen hundred times."""
    page.evaluate("""() => {
      const { clock } = main, seed = clock.requests.filter((each) => each.outcome === "ok").pop();
      clock.add = () => {}; clock.paused = true; clock.live = false; clock.loop = null; clock.speed = 7;
      const [step] = seed.steps;
      const begun = (n) => seed.at - (step[3] * (n % 90)) / 100;
      clock.requests = Array.from({ length: 1600 }, (_, n) => ({ ...seed, id: String(n), at: begun(n) }));
      clock.at = seed.at + step[3] * 0.05;
      main.timings.length = 0;
    }""")
    page.wait_for_function("() => main.timings.length > 60")
    assert page.evaluate("() => main.dotsNow()") >= 1500
    middle = page.evaluate(
        "() => [...main.timings].sort((a, b) => a - b)[Math.floor(main.timings.length / 2)]"
    )
    print(f"{middle:.2f} ms of JavaScript a frame")
    page.evaluate("() => { delete main.clock.add; main.clock.requests = []; main.clock.goLive(); }")


def test_strangers_are_refused_in_words(url):
    def asked(path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url + path, body, fields), timeout=10
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())["error"]

    assert asked("", Host="evil.example")[0] == 421
    assert asked("api/do", b'{"do": "load_stop"}', Content_Type="application/json")[0] == 403
    assert asked("api/do", b"do=load_stop", Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert asked("ca.pem")[1].startswith(b"-----BEGIN CERTIFICATE-----\n")
    assert asked("static/server.py") == (404, "the page has no such part")
    assert asked("api/journey/" + "0" * 32)[0] == 404
    assert asked("api/inspect/alb-1c")[1].startswith("there is no element 'alb-1c', did you mean 'alb-1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_of_it(page, scheme):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("() => main.placeOf('laptop').y < main.placeOf('vpc').y")
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("() => getComputedStyle(document.body).backgroundColor") == (
        "rgb(15, 19, 24)" if scheme == "dark" else "rgb(255, 255, 255)"
    )


def test_who_wants_nothing_to_move_sees_the_ways_instead(page):
    page.emulate_media(reduced_motion="reduce")
    page.locator("#send").click()
    page.wait_for_function("() => main.dotsNow() > 0")
