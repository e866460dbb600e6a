"""Takes the pictures of the live page with a world of its own: `make pictures`. It wants Chromium and pngquant.

Look at them before you commit them: a machine that is busy shows lag, and pods have other names each time.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
PAGE, INGRESS = "127.0.0.1:7470", "127.0.0.1:8070"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDE, LOWER, PHONE = (1280, 960), (1280, 760), (390, 844)
LINK = "isp-transit-1"


@contextmanager
def world() -> Iterator[None]:
    """The default world, with the page and the ingress."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "JOURNEY_HOME": home}

        def journey(*arguments: str) -> None:
            command = [sys.executable, "-m", "orchestrator.cli", *arguments]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)

        off = [word for door in ("metrics", "dns", "proxy") for word in (f"--{door}", "off")]
        journey("up", "--detach", "--page", PAGE, "--http", INGRESS, *off)
        try:
            yield
        finally:
            journey("down")


def shoot(page: Page, name: str, size: tuple[int, int], scheme: str = "light", settle_s: float = 1.5) -> None:
    """The page as a picture of this size, once it has been drawn anew for it."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.wait_for_timeout(settle_s * 1000)
    path = HERE / f"live-page-{name}.png"
    page.screenshot(path=path)
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--skip-if-larger", "64", path], check=True)
    print(path)


def press(page: Page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()


def to_the_top(page: Page) -> None:
    page.evaluate("() => scrollTo(0, 0)")


def in_view(page: Page, selector: str) -> None:
    page.locator(selector).evaluate("node => node.scrollIntoView({ block: 'start' })")


def send_one() -> None:
    """A request of one's own, as by curl."""
    urllib.request.urlopen(f"http://{INGRESS}/", timeout=10).close()


def round_robin_with_a_slow_pod(page: Page) -> None:
    press(page, "round robin")
    press(page, "200 ms late")
    page.locator("#rate").fill("40")
    press(page, "Send")
    page.wait_for_timeout(9000)
    for width, size in ((1280, WIDE), (390, PHONE)):
        for scheme in ("light", "dark"):
            to_the_top(page)
            send_one()
            shoot(page, f"{width}-{scheme}", size, scheme)


def an_element_opened(page: Page) -> None:
    to_the_top(page)
    shoot(page, "inspect", LOWER)  # the map has to be drawn in this size before anything on it is clicked
    box = page.locator("#dots").bounding_box()
    place = page.evaluate("() => { const { x, y } = main.placeOf('alb-1a'); return { x, y }; }")
    assert box is not None
    page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
    page.wait_for_selector("#drawer table")
    shoot(page, "inspect", LOWER)
    page.keyboard.press("Escape")


def one_request_followed(page: Page) -> None:
    press(page, "As usual")
    press(page, "Stop")
    page.wait_for_timeout(4000)
    press(page, "One request, told")
    page.wait_for_selector("#follow .story")
    in_view(page, "#follow")
    shoot(page, "follow", LOWER)


def in_slow_motion(page: Page) -> None:
    press(page, "Show it on the map, slowly")
    page.evaluate("() => { const { clock } = main; clock.paused = true; clock.at = clock.loop.at + 16.2; }")
    to_the_top(page)
    shoot(page, "slow", LOWER)


def a_cut_link(page: Page) -> None:
    press(page, "Live")
    press(page, "Send")
    page.wait_for_timeout(3000)
    page.locator("#link").select_option(LINK)
    press(page, "Cut")
    page.wait_for_timeout(6500)
    to_the_top(page)
    shoot(page, "cut", LOWER)


def main() -> None:
    with world(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = browser.new_page(viewport={"width": WIDE[0], "height": WIDE[1]})
        page.goto(f"http://{PAGE}/")
        page.evaluate("import('/static/main.js').then((main) => { window.main = main; })")
        page.wait_for_function("() => window.main && document.querySelector('#link').options.length > 0")
        round_robin_with_a_slow_pod(page)
        an_element_opened(page)
        one_request_followed(page)
        in_slow_motion(page)
        a_cut_link(page)
        browser.close()


if __name__ == "__main__":
    main()
