"""What a world in containers publishes to real programs: the live page, the ingress, the proxy and the DNS servers.

Each check raises AssertionError, or what the program or the connection says, until it holds.
"""

import json
import os
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

from playwright import sync_api

PORTS = {"PAGE_PORT": "7463", "INGRESS_PORT": "8080", "PROXY_PORT": "1080", "DNS_PORTS": "5300-5305"}
MOVED = {usual.split("-")[0]: os.environ.get(name, usual).split("-")[0] for name, usual in PORTS.items()}
"""Where each port is, by its usual number; of DNS the first."""
PAGE, INGRESS, PROXY = (f"127.0.0.1:{MOVED[usual]}" for usual in ("7463", "8080", "1080"))
SITE = "https://packet-journey.com/"
TIMEOUT_S, PATIENCE_S = 15.0, 60.0


def typed(line: str) -> str:
    """A command of the docs, for the ports as they are here."""
    return re.sub(r"\b(7463|8080|1080|5300)\b", lambda found: MOVED[found[1]], line)


def asked(path: str, body: dict[str, Any] | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
    """The page's status, text and header fields, of whatever it answers."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{PAGE}/{path}", data, fields)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


def do(token: str, **command: Any) -> dict[str, Any]:
    """What a button of the page does, and says of it."""
    status, text, _ = asked(
        "api/do", command, Content_Type="application/json", X_Journey_Token=token, Origin=f"http://{PAGE}"
    )
    return {"status": status, **json.loads(text)}


@contextmanager
def looking_on() -> Iterator[Iterator[dict[str, Any]]]:
    """What a browser is told, frame by frame; not for ever, if what is waited for does not come."""
    with urllib.request.urlopen(f"http://{PAGE}/events", timeout=TIMEOUT_S) as stream:
        assert stream.headers["Content-Type"] == "text/event-stream"
        end = time.monotonic() + PATIENCE_S
        lines = takewhile(lambda _: time.monotonic() < end, stream)
        yield (json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: "))


def page() -> str:
    """It answers this machine's browsers and no other site; gives the token that commands carry to who looks on."""
    status, text, headers = asked("")
    assert status == 200 and headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert asked("", Host="evil.example")[0] == 421
    assert asked("", Origin="http://evil.example")[0] == 403
    assert 'content="journey --world compose"' in text
    with looking_on() as frames:
        return str(next(frames)["token"])


def page_commands(token: str) -> None:
    """A command with the token changes the world, and whoever looks on sees it; without it nothing changes."""
    json_ = {"Content_Type": "application/json"}
    assert asked("api/do", {"do": "algorithm", "name": "round_robin"}, **json_)[0] == 403
    with looking_on() as frames:
        first = next(frames)
        assert first["first"] and len(first["map"]["elements"]) > 20
        done = do(token, do="algorithm", name="round_robin")
        assert done["status"] == 200 and done["command"].startswith(
            "journey --world compose set alb.algorithm"
        )
        algorithms = (set(each["state"]["algorithms"].values()) for each in frames if "state" in each)
        assert next(each for each in algorithms if "round_robin" in each) == {"round_robin"}
        journey = do(token, do="trace")["journey"]
        told = (request for each in frames for request in each.get("requests", ()))
        assert next(each for each in told if each["id"] == journey)["status"] == 200
    assert do(token, do="algorithm", name="least_outstanding_requests")["status"] == 200
    refused = do(token, do="scale", deployment="nginx", replicas=6)
    assert refused["status"] == 400 and "--scale nginx-pod=6" in refused["error"]


@contextmanager
def chromium() -> Iterator[sync_api.Page]:
    """A tab of it."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield program.new_page(viewport={"width": 1280, "height": 1400})
        program.close()


def browser() -> None:
    """Chromium finds nothing to complain of, requests move, and scaling is left to the engine."""
    troubles: list[str] = []
    asked_of: set[str] = set()
    with chromium() as tab:
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda each: asked_of.add(each.url.split("/")[2]))
        tab.goto(f"http://{PAGE}/")
        tab.evaluate("import('/static/main.js').then((main) => { window.main = main; })")
        tab.wait_for_function("() => window.main?.clock.requests.length > 8 && main.dotsNow() > 0")
        tab.locator("#pods").fill("7")
        assert "up --detach --scale nginx-pod=7" in tab.locator("#scale-elsewhere").inner_text()
        assert tab.get_by_role("button", name="Scale", exact=True).is_disabled()
        tab.get_by_role("button", name="One request, told").click()
        tab.wait_for_selector("#follow .story")
        assert "journey --world compose trace" in tab.locator("#follow").inner_text()
    assert not troubles and asked_of == {PAGE}, troubles


@contextmanager
def left_open() -> Iterator[None]:
    """A page that is open all the while says that the world is away, and commands the one that comes in its place."""
    troubles: list[str] = []
    with chromium() as tab:
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.goto(f"http://{PAGE}/")
        tab.wait_for_function("() => document.querySelector('#link').options.length > 0")
        yield
        tab.wait_for_selector("#away", state="hidden", timeout=PATIENCE_S * 1e3)
        tab.get_by_role("button", name="One request, told").click()
        try:
            tab.wait_for_selector("#follow .story")
        except sync_api.TimeoutError:
            raise AssertionError(f"the page says: {tab.locator('body').inner_text()}") from None
    assert troubles == [], troubles


def ingress() -> None:
    """A request by the laptop, whose Link leads to itself on the page."""
    with urllib.request.urlopen(f"http://{INGRESS}/", timeout=TIMEOUT_S) as answer:
        assert answer.status == 200 and "total;dur=" in answer.headers["Server-Timing"]
        link = re.fullmatch(
            r'<http://(\S+)/#journey=([0-9a-f]{32})>; rel="describedby"', answer.headers["Link"]
        )
    assert link is not None and link[1] == PAGE
    status, text, _ = asked(f"api/journey/{link[2]}")
    assert status == 200 and json.loads(text)["status"] == 200 and json.loads(text)["hops"][0] == "laptop"


def proxy(directory: Path) -> None:
    """The client's own TLS ends at the load balancer; it trusts the CA that the page gives away, and only then."""
    authority = directory / "ca.pem"
    authority.write_text(asked("ca.pem")[1])
    curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", f"{TIMEOUT_S:g}", SITE]
    for kind in ("socks5h", "http"):
        trusting = [*curl, "--proxy", f"{kind}://{PROXY}", "--cacert", str(authority)]
        done = subprocess.run(trusting, capture_output=True, text=True)
        assert done.stdout == "200", done
    done = subprocess.run([*curl, "--proxy", f"socks5h://{PROXY}"], capture_output=True, text=True)
    assert done.returncode == 60, "curl's word for a certificate that it does not trust"


def dns() -> None:
    for how in ("+notcp", "+tcp"):
        dig = ["dig", "@127.0.0.1", "-p", MOVED["5300"], "+short", "+tries=1", how, "packet-journey.com"]
        done = subprocess.run(dig, capture_output=True, text=True)
        assert re.search(r"^198\.51\.100\.\d+$", done.stdout, re.MULTILINE), done


def refuses_pods(container: str) -> None:
    """An application of somebody's own in a pod must not get at the buttons."""
    port = PAGE.rpartition(":")[2]
    look = f"import urllib.request as u; u.urlopen('http://orchestrator:{port}/', timeout=5)"
    done = subprocess.run(["docker", "exec", container, "python", "-c", look], capture_output=True, text=True)
    assert "Connection refused" in done.stderr, done
