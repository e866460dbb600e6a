"""What a process may have loaded when it begins: each container pays for it in memory, and each start in time.

An import that is missing here belongs into the function that needs it, if few processes do; else add it to the table.
"""

import json
import subprocess
import sys

from orchestrator.config.kinds import kind_names

EVERY_ELEMENT = {
    *(
        "annotated_types",
        "msgpack",
        "pydantic",
        "pydantic_core",
        "typing_extensions",
        "typing_inspection",
        "zmq",
    ),
}
DNS = {"dns", "idna"}
AIOHTTP = {
    *(
        "aiohappyeyeballs",
        "aiohttp",
        "aiosignal",
        "attr",
        "frozenlist",
        "idna",
        "multidict",
        "propcache",
        "yarl",
    ),
}
MORE: dict[str, set[str]] = {
    "alb": {"httptools"},
    "aws_api": DNS,
    "dns_server": DNS,
    "eks_node": {"httptools"},
    "home_router": DNS,
    "kube_api": {"yaml"},
    "laptop": {*DNS, *AIOHTTP, "hdrh", "pyhdrh", "httptools"},
    "nginx_pod": {"httptools"},
}
"""What a kind of element needs beside what every element does."""

LOADED = """
import json, os, sys
def told():
    names = {module.partition(".")[0] for module in sys.modules} - set(sys.stdlib_module_names)
    files = {name: getattr(sys.modules.get(name), "__file__", None) or "" for name in names}
    return sorted(name for name, file in files.items() if "-packages" in file and name[:1] != "_")
import actors.runtime.outpost
print(json.dumps(["an outpost", told(), sorted(sys.modules)]), flush=True)
import actors.runtime.join
from actors.element import load_kind
for kind in sys.argv[1:]:
    if os.fork() == 0:
        load_kind(kind)
        print(json.dumps([kind, told(), []]), flush=True)
        os._exit(0)
    os.wait()
"""


def test_a_process_has_loaded_what_it_needs_and_no_more():
    command = [sys.executable, "-c", LOADED, *kind_names()]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    loaded = {name: set(libraries) for name, libraries, _ in map(json.loads, lines)}
    outpost = set(json.loads(lines[0])[2])
    assert loaded.pop("an outpost") == {"msgpack", "zmq"}
    assert not outpost & {"asyncio", "dataclasses", "inspect", "logging", "ssl", "subprocess", "traceback"}
    assert loaded == {kind: EVERY_ELEMENT | MORE.get(kind, set()) for kind in kind_names()}


def test_the_exporter_of_metrics_knows_no_element():
    told = "import sys, orchestrator.metrics.exporter; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_aiohttp_reads_no_certificates_of_this_machine():
    told = """
import os, sys
os.environ["SSL_CERT_FILE"] = "here"
import actors.laptop, aiohttp.connector
print(len(aiohttp.connector._SSL_CONTEXT_VERIFIED.get_ca_certs()), os.environ["SSL_CERT_FILE"])
print("SSL_CERT_DIR" in os.environ)
"""
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["0", "here", "False"], done.stderr
