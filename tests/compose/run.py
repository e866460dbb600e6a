#!/usr/bin/env python3
"""The stack of docker-compose.yml, brought up for real: doors, load, scaling, crashes, strangers, and nothing left.

    python tests/compose/run.py [--keep]

Needs a Docker engine, compose (the plugin, or docker-compose 1.29) and the images of the compose file. Where images
have other names, PYTHON_IMAGE, PROMETHEUS_IMAGE and GRAFANA_IMAGE say them; Grafana is not started. `journey` is run
with this interpreter; curl, dig and Chromium walk in. Prints what each step took, and ends with 0 if all of it holds.
"""

import argparse
import http.client
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import doors

ROOT = Path(__file__).resolve().parents[2]
PROJECT = os.environ.get("COMPOSE_PROJECT_NAME", "packet-journey")
PODS, MORE_PODS = 3, 6
WITHOUT_GRAFANA = ("--scale", "grafana=0")
PATIENCE_S = 180.0
LOOK_S = 30.0
ENVIRONMENT = {
    **os.environ,
    "COMPOSE_PROJECT_NAME": PROJECT,
    # 1.29 wants the image of a service that is scaled to 0, too: any that is here will do
    "GRAFANA_IMAGE": os.environ.get("GRAFANA_IMAGE", "packet-journey:local"),
    "BROWSER": "true",  # the program, which opens nothing
}

figures: dict[str, str] = {}


def run(*command: str, check: bool = True) -> str:
    """What a command prints."""
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
    return done.stdout


def compose(*arguments: str) -> str:
    """Compose as it is installed here."""
    with_plugin = (
        subprocess.run(["docker", "compose", "version"], capture_output=True, env=ENVIRONMENT).returncode == 0
    )
    return run(*(["docker", "compose"] if with_plugin else ["docker-compose"]), *arguments)


def journey(*arguments: str, check: bool = True) -> str:
    return run(
        sys.executable, "-W", "error", "-m", "orchestrator.cli", "--world", "compose", *arguments, check=check
    )


def until(what: str, holds: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """The first true value; raises when patience is at its end."""
    end = time.monotonic() + patience_s
    while not (value := _quietly(holds)):
        assert time.monotonic() < end, f"{what}: not within {patience_s:g} s"
        time.sleep(0.3)
    return value


def _quietly(holds: Callable[[], Any]) -> Any:
    try:
        return holds()
    except (AssertionError, OSError, ValueError, http.client.HTTPException):
        return None


@contextmanager
def step(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    figures[what] = f"{time.monotonic() - started:.1f} s"
    print(f"{figures[what]:>8}  {what}", flush=True)


def containers(service: str) -> list[str]:
    labels = (
        f"label=com.docker.compose.project={PROJECT}",
        f"label=com.docker.compose.service={service}",
    )
    return run("docker", "ps", "--quiet", "--filter", labels[0], "--filter", labels[1]).split()


def crash(container: str) -> None:
    """Kill it from outside, as the kernel does when memory is out; the engine starts it again."""
    process = run("docker", "inspect", "--format", "{{.State.Pid}}", container).strip()
    run(*([] if os.getuid() == 0 else ["sudo"]), "kill", "-9", process)


# ---- what the world says ----------------------------------------------------------------------------------------


def elements(kind: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(journey("ps", "--json"))["elements"]
    return [each for each in found if not kind or each["kind"] == kind]


def traced() -> bool:
    return bool(json.loads(journey("trace", "--json"))["status"] == 200)


def served_by(seconds: int) -> dict[str, Any]:
    """A load's result."""
    told: dict[str, Any] = json.loads(
        journey("load", "--concurrency", "8", "--duration", f"{seconds}s", "--json")
    )
    return told


def healthy_targets() -> int:
    """As the ALB's own controller has registered them, and its health checks found."""
    pods = json.loads(journey("kubectl", "get", "pods", "-o", "json"))["items"]
    ready = [
        pod
        for pod in pods
        if any(
            each["type"] == "Ready" and each["status"] == "True"
            for each in pod["status"].get("conditions", ())
        )
        and "deletionTimestamp" not in pod["metadata"]
    ]
    return len(ready)


def prometheus(query: str) -> float:
    """The sum of what a query finds."""
    port = os.environ.get("PROMETHEUS_PORT", "9090")
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': f'sum({query})'})}"
    with urllib.request.urlopen(url, timeout=5) as answer:
        found = json.load(answer)["data"]["result"]
    return float(found[0]["value"][1]) if found else 0.0


# ---- the steps --------------------------------------------------------------------------------------------------


def comes_up() -> None:
    with step("from `up` to the first 200 through containers"):
        compose("up", "--detach", *WITHOUT_GRAFANA)
        until("a first request", traced)
    with step(f"{PODS} pods serve"):
        until("pods", lambda: len(elements("nginx_pod")) == PODS)
    assert len({each["host"] for each in elements("nginx_pod")}) == PODS, (
        "each pod has a container of its own"
    )


def is_closed() -> None:
    """Non-root, read-only, no capabilities; nothing is published but on 127.0.0.1; strangers stay outside."""
    laptop = containers("laptop")[0]
    assert run("docker", "exec", laptop, "id", "-u").strip() == "10001"
    assert (
        "Read-only"
        in subprocess.run(["docker", "exec", laptop, "touch", "/x"], capture_output=True, text=True).stderr
        or subprocess.run(["docker", "exec", laptop, "touch", "/x"], capture_output=True).returncode
    )
    for container in run("docker", "ps", "--quiet").split():
        for binding in re.findall(
            r'"HostIp":"([^"]*)"',
            run("docker", "inspect", "--format", "{{json .HostConfig.PortBindings}}", container),
        ):
            assert binding == "127.0.0.1", f"{container} is published on {binding}"
    stranger = (
        "docker", "run", "--rm", "--network", f"{PROJECT}_journey", "packet-journey:local",
    )  # fmt: skip
    control = ("--control", "tcp://control:7460")
    no_keys = subprocess.run([*stranger, "-m", "actors", "laptop", *control], capture_output=True, text=True)
    assert no_keys.returncode == 2 and "CURVE keys" in no_keys.stderr, no_keys
    public = run("docker", "exec", laptop, "cat", "/etc/journey/keys/orchestrator.key").strip()
    forged = subprocess.run([*stranger, "-c", STRANGER, public], capture_output=True, text=True)
    assert forged.stdout.strip() == "no answer", forged
    assert "unknown key" in _logs("orchestrator")


STRANGER = """
import msgpack, sys, zmq
context = zmq.Context()
line = context.socket(zmq.DEALER)
line.curve_publickey, line.curve_secretkey = zmq.curve_keypair()
line.curve_serverkey = sys.argv[1].encode()
line.connect("tcp://control:7460")
plain = context.socket(zmq.DEALER)
plain.connect("tcp://control:7460")
for each in (line, plain):
    each.send(msgpack.packb([{"t": "hello", "name": "laptop", "pid": 1}]))
print("answered" if line.poll(1500) or plain.poll(1500) else "no answer")
context.destroy(linger=0)
"""


def _logs(service: str) -> str:
    done = subprocess.run(["docker", "logs", containers(service)[0]], capture_output=True, text=True)
    return done.stdout + done.stderr


def lets_in() -> None:
    """Real programs, by what is published."""
    home = Path(ENVIRONMENT["JOURNEY_HOME"])
    doors.page_commands(doors.page())
    doors.ingress()
    doors.proxy(home)
    doors.dns()
    doors.refuses_pods(containers("nginx-pod")[0])
    listed = json.loads(journey("ps", "--json"))
    assert listed["addresses"]["page"] == f"http://{doors.PAGE}/"
    assert listed["addresses"]["ingress"] == doors.INGRESS and Path(listed["ca"]).read_text()
    for line in map(doors.typed, told()):
        subprocess.run(line, shell=True, check=True, cwd=home, env=ENVIRONMENT, capture_output=True)


def told() -> list[str]:
    """The commands of docs/compose.md but for those of compose, which the other steps are."""
    blocks = re.findall(
        r"^```console\n(.*?)^```", (ROOT / "docs/compose.md").read_text(), re.MULTILINE | re.DOTALL
    )
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    ours = f"{shlex.quote(sys.executable)} -m orchestrator.cli"
    return [re.sub(r"^journey", ours, line) for line in lines if re.match("(journey|curl|dig) ", line)]


def looked_at() -> None:
    """What it takes to look on while requests are recorded."""
    token, requests, until_s = doors.page(), 0, time.monotonic() + LOOK_S
    assert doors.do(token, do="load", rate=200)["status"] == 200
    with doors.looking_on() as frames:
        for frame in frames:
            requests += len(frame.get("requests", ()))
            if time.monotonic() > until_s:
                break
    doors.browser()
    figures["requests told to the page"] = f"{requests / LOOK_S:.1f}/s"
    figures["memory of the orchestrator meanwhile"] = f"{mebibytes(*containers('orchestrator')):,.0f} MiB"
    assert doors.do(token, do="load_stop")["status"] == 200
    assert requests > LOOK_S


def scales() -> None:
    with step(f"--scale nginx-pod={MORE_PODS}: all pods are ready"):
        compose("up", "--detach", *WITHOUT_GRAFANA, "--scale", f"nginx-pod={MORE_PODS}")
        until("more pods", lambda: healthy_targets() == MORE_PODS)
    until("targets", lambda: len(served_by(2)["per_pod"]) == MORE_PODS)
    with step(f"--scale nginx-pod={PODS}: the others are drained and gone"):
        compose("up", "--detach", *WITHOUT_GRAFANA, "--scale", f"nginx-pod={PODS}")
        until("fewer pods", lambda: len(elements("nginx_pod")) == PODS)


def survives() -> None:
    with step("a killed laptop is back and has its answer"):
        crash(containers("laptop")[0])
        until("the laptop", lambda: [each for each in elements("laptop") if each["restarts"]] and traced())
        until("the ingress", lambda: doors.ingress() is None)
    with step("a killed pod's container: its pod is up again, in a container"):
        crash(containers("nginx-pod")[0])
        time.sleep(1)
        until(
            "pods", lambda: healthy_targets() == PODS and all(each["host"] for each in elements("nginx_pod"))
        )
    with doors.left_open(), step("a killed orchestrator: the world is built anew"):
        crash(containers("orchestrator")[0])
        until("the world", lambda: traced() and len(elements("nginx_pod")) == PODS)
        until("its page", doors.page)
        until("its doors", lambda: doors.ingress() is None and doors.dns() is None)


def is_measured() -> None:
    result = served_by(5)
    figures["requests/s under load"] = f"{result['requests_per_s']:.0f}"
    with step("metrics arrive in Prometheus"):
        until("targets of Prometheus", lambda: prometheus('up{job="journey"}') == 1)
        until("metrics", lambda: prometheus("journey_alb_requests_total") > 0)
        until("metrics of pods", lambda: prometheus("count by (pod) (journey_pod_requests_total)") >= PODS)


def weigh() -> None:
    figures["memory of all containers"] = f"{mebibytes():,.0f} MiB"


def mebibytes(*which: str) -> float:
    """What these containers take, or all."""
    used = 0.0
    lines = run("docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *which).split("\n")
    for line in filter(None, lines):
        number, unit = re.match(r"([\d.]+)(\w+)", line).groups()  # type: ignore[union-attr]
        used += float(number) * {"B": 1e-6, "KiB": 1 / 1024, "MiB": 1, "GiB": 1024}[unit]
    return used


def goes_down() -> None:
    with step("`down --volumes`"):
        compose("down", "--volumes")
    for what in ("container", "network", "volume"):
        label = f"label=com.docker.compose.project={PROJECT}"
        everything = ("--all",) if what == "container" else ()
        left = run("docker", what, "ls", "--quiet", *everything, "--filter", label).split()
        assert not left, f"{what}s are left: {left}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the stack up at the end")
    keep = parser.parse_args().keep
    ENVIRONMENT["JOURNEY_HOME"] = tempfile.mkdtemp(prefix="journey-")
    try:
        compose("down", "--volumes")
        with step("the image is built"):
            compose("build", "orchestrator")
        for each in (comes_up, is_closed, weigh, lets_in, is_measured, looked_at, scales, survives):
            each()
        if not keep:
            goes_down()
    except BaseException:
        print(compose("ps"), _quietly(lambda: _logs("orchestrator")), file=sys.stderr)
        if not keep:
            compose("down", "--volumes")
        raise
    finally:
        shutil.rmtree(ENVIRONMENT["JOURNEY_HOME"], ignore_errors=True)
    print("\n".join(f"{what}: {value}" for what, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
