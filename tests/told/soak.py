"""What README and docs tell one to type, and takes longer: `make soak` types it.

Scenarios are played as they are where a page shows what comes out, and in a fifth of their time where it does not.
"""

import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.told.pages import Command
from tests.told.plan import SOAK, told
from tests.told.player import Player, at_a_terminal, player
from tests.tools import needs

PATIENCE_S = 60.0


def holds(played: Player) -> None:
    """Fails with everything that was untrue."""
    assert played.wrong == [], "\n\n".join(played.wrong)


def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:g} s"
        time.sleep(0.2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP receiver: its address, and what came in."""
    came: list[ExportTraceServiceRequest] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(Parse(body, ExportTraceServiceRequest()))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


@needs("bash", "make", "curl")
def test_scenarios_and_reports(tmp_path: Path):
    with player(tmp_path) as played, collector() as (address, came):
        played.places[r"127\.0\.0\.1:4318\b"] = address
        for page in ("README.md", "docs/scenarios.md", "docs/reports.md", "docs/load.md"):
            played.play(page, SOAK)
        holds(played)
        assert [span for each in came for span in each.resource_spans], "no trace came to the collector"


@needs("bash", "aws", "curl", "certutil", "chromium", "prometheus", "script")
def test_clients_of_a_world(tmp_path: Path):
    with player(tmp_path) as played:
        without_a_screen("chromium", "--headless=new --no-sandbox --disable-gpu --dump-dom", tmp_path)
        port = free_port()
        played.places[r"127\.0\.0\.1:9090\b"] = f"127.0.0.1:{port}"
        played.places[r"127\.0\.0\.1:8800\b"] = f"127.0.0.1:{free_port()}"
        played.places[r"/tmp/"] = f"{tmp_path}/"
        played.up()
        for command in told("docs/dashboards.md", SOAK):
            if command.text.startswith("prometheus "):
                played.bash.beside(played.here(command.text))
            else:
                played.one(command)
        for page in (
            "docs/real-clients.md",
            "docs/dns.md",
            "docs/top.md",
            "docs/load-balancer-controller.md",
            "docs/aws-api.md",
        ):
            played.play(page, SOAK)
        until(lambda: scraped(port), "what Prometheus has of the world")
        played.play("docs/live-page.md", SOAK)
        holds(played)


def without_a_screen(program: str, options: str, scratch: Path) -> None:
    """Have a program of this machine run where there is no screen to draw on."""
    script = scratch / "bin" / program
    script.write_text(f'#!/bin/sh\nexec {shutil.which(program)} {options} "$@"\n')
    script.chmod(0o755)


def scraped(port: int) -> bool:
    query = f"http://127.0.0.1:{port}/api/v1/query?query=up{{job=%22journey%22}}==1"
    try:
        with urlopen(query, timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])
    except OSError:
        return False


@needs("bash", "kubectl")
def test_large_worlds(tmp_path: Path):
    with player(tmp_path) as played:
        played.play("docs/many-clients.md", SOAK)
        played.play("docs/kubernetes.md", SOAK)
        holds(played)


LAST = ("journey down", "journey up", "journey up --detach", "journey up configs/journey.yaml --tour")
STAY = ("journey capture -o all.pcapng", "journey kubectl logs deployment/nginx --follow", "journey up")
"""They go on until somebody presses ^C."""
EXAMPLES = ("67891233", "bb71faf7", "20260101T", "fault-1", "--to-revision")
"""Parts of ids that the examples have."""
BEFORE = {
    "journey fault set fault-1 loss=2%": "journey fault clear; journey fault add link/fibre loss=1%",
    "journey fault clear link/fibre": "journey fault clear; journey fault add link/fibre loss=1%",
    "journey fault clear fault-1": "journey fault clear; journey fault add link/fibre loss=1%",
    "journey fault set link/fibre jitter=off for=1m": (
        "journey fault clear; journey fault add link/fibre delay=80ms jitter=20ms"
    ),
}


@needs("bash", "kubectl", "aws", "jq", "script")
def test_examples_of_the_command_line(tmp_path: Path):
    """Each verb's, in a world that is there already; those that end it, or make one, come last."""
    with player(tmp_path) as played:
        played.up()
        examples = told("docs/cli.md", SOAK)
        last = [command for text in LAST for command in examples if command.text == text]
        for command in [*(each for each in examples if each not in last), *last]:
            example(played, command)
        holds(played)


def example(played: Player, command: Command) -> None:
    """With what it takes for granted, and without the faults of those before."""
    if command.text in BEFORE:
        played.bash.type(BEFORE[command.text])
    if not command.text.startswith("journey fault"):
        played.bash.type("journey fault clear")
    if any(there in command.text for there in EXAMPLES):
        played.places.update(ids(played))
    if command.text in STAY:
        stay(played, command)
    elif command.text == "journey top":
        keys = "(trap '' PIPE; while sleep 1 && printf q; do :; done) 2>/dev/null"
        quits = f"{keys} | {at_a_terminal(command.text)}"
        played.one(command._replace(text=quits))
    elif command.text.startswith("journey load set"):
        with_a_load(played, command)
    else:
        played.one(command)


def with_a_load(played: Player, command: Command) -> None:
    """Change a load of the kind that can be changed so, and end it."""
    model = "-c 4" if "users" in command.text else "--rate 20"
    played.bash.beside(f"journey load {model} -d 1m")
    until(lambda: played.bash.type(command.text).code == 0, str(command))
    played.bash.type("journey load stop")
    played.bash.ended()


def ids(played: Player) -> dict[str, str]:
    """The examples' ids, and those of this world's latest."""
    journey = json.loads(played.bash.type("journey trace --json").text)["journey"]
    return {
        r"\b1-67891233-abcdef012345678912345678\b": f"1-{journey[:8]}-{journey[8:]}",
        r"(?<!-)\b67891233\b": journey[:8],
        r"\bbb71faf79925ec72f4fc742df80f4b49\b": journey,
        r"\b20260101T120000Z-rollout-502s-42\b": "$(ls -d runs/2* | tail -1 | xargs basename)",
        r"(?<=--to-revision )1$": "$(journey rollout history nginx | awk '/^[0-9]/ {print $1; exit}')",
        r"\bfault-1\b": "$(journey fault list --json | jq -r '[.. | .id? // empty][-1]')",
    }


def stay(played: Player, command: Command) -> None:
    said = played.bash.beside(played.here(command.text))
    until(lambda: said.read_text(), str(command))
    if command.text == "journey up":
        until(lambda: played.bash.type("journey ps").code == 0, "the world")
    code = played.bash.interrupt()
    if code not in (0, 130, -2) and not (code == 1 and "kubectl" in command.text):
        played.wrong.append(f"{command} ends with {code} when it is interrupted\n{said.read_text()}")
