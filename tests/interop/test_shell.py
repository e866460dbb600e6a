"""`journey shell`: this machine's own programs and kernel on the emulated Internet, as a user without privileges.

Whoever runs the tests, the world and the shell belong to nobody here. Where Python lies in a home that others may not
enter (root's), that home is replaced, in a mount namespace, by one that has nothing but Python.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.parts.pod.nginx_files import content
from tests.tools import needs, wants

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's"),
    needs("curl", "dig", "ping", "traceroute", "mtr", "setpriv", "unshare"),
    wants({"/dev/net/tun": os.access("/dev/net/tun", os.R_OK | os.W_OK)}),
]

ROOT = Path(__file__).parents[2]
MEGABYTES = 20 if os.environ.get("JOURNEY_SOAK") else 4
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def as_nobody(script: str, home: Path) -> list[str]:
    """A command that runs a script as nobody, with the interpreter that runs the tests."""
    if os.getuid() != 0:
        return ["sh", "-c", script]
    interpreter = Path(sys.executable).resolve()
    drop = "exec setpriv --reuid=nobody --regid=nogroup --clear-groups sh -c " + shlex.quote(script)
    closed = next((each for each in reversed(interpreter.parents) if not each.stat().st_mode & 0o001), None)
    if closed is None:
        return ["sh", "-c", drop]
    inside = closed / interpreter.relative_to(closed).parts[0]
    stand_in = home / "stand-in"
    mounts = (
        f"mkdir -p {stand_in}/{inside.name} && mount --make-rprivate / && "
        f"mount --bind {inside} {stand_in}/{inside.name} && mount --rbind {stand_in} {closed} && {drop}"
    )
    return ["unshare", "-m", "sh", "-c", mounts]


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs `journey` with these words as nobody, in a world of nobody's own."""
    home = Path("/tmp") / f"js{os.getpid()}"  # short, and where nobody may go
    home.mkdir()
    if os.getuid() == 0:
        shutil.chown(home, "nobody")
    environment = {
        **os.environ, "HOME": str(home), "JOURNEY_HOME": str(home), "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1", "SHELL": "/bin/sh",
    }  # fmt: skip

    def run(
        *words: str, stdin: str | None = None, code: int | None = 0
    ) -> "subprocess.CompletedProcess[str]":
        script = shlex.join([sys.executable, "-m", "orchestrator.cli", *words])
        done = subprocess.run(
            as_nobody(script, home), env=environment, cwd=ROOT, input=stdin, capture_output=True, text=True,
            timeout=150, check=False,
        )  # fmt: skip
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done

    try:
        run("up", "--detach", "--dns", "off", "--metrics", "off", "--http", "off", "--proxy", "off")
        yield run
        run("down")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def in_shell(nobody: Run, script: str, code: int | None = 0) -> str:
    return nobody("shell", "laptop", "--", "sh", "-c", script, code=code).stdout


def test_curl_trusts_the_site(nobody):
    told = in_shell(nobody, "curl -sS -i https://packet-journey.com/")
    assert re.match(r"HTTP/\S+ 200", told) and "You have reached nginx" in told


def test_so_do_programs_that_look_at_no_variable(nobody):
    told = in_shell(
        nobody, 'env -i PATH="$PATH" curl -sS -o /dev/null -w "%{http_code}" https://packet-journey.com/'
    )
    assert told == "200"


def test_it_is_a_host_of_its_own_without_any_other_network(nobody):
    told = in_shell(nobody, "cat /proc/net/dev /etc/resolv.conf; grep ^hosts: /etc/nsswitch.conf; env")
    assert re.findall(r"^ *(\w+):", told.split("nameserver")[0], re.MULTILINE) == ["lo", "wlan0"]
    assert "nameserver 192.168.1.1" in told and "hosts: files dns" in told
    assert "JOURNEY_SHELL=laptop" in told and "CURL_CA_BUNDLE=" in told
    assert in_shell(nobody, "curl -sS -m 5 http://1.1.1.1/", code=None) == ""


def test_dig_asks_the_home_router(nobody):
    told = in_shell(nobody, "dig packet-journey.com; dig -x 100.64.1.1 +short; dig nowhere.invalid")
    assert "status: NOERROR" in told and "SERVER: 192.168.1.1#53" in told and "198.51.100." in told
    assert "isp.transit-1.as64510.example." in told and "status: NXDOMAIN" in told


def test_ping_reaches_the_isp(nobody):
    told = in_shell(nobody, "ping -c 3 -i 0.2 203.0.113.1; ping -c 1 -s 3000 192.168.1.1")
    assert "3 received" in told and "1 received" in told


def test_traceroute_shows_our_autonomous_systems_by_name(nobody):
    told = in_shell(nobody, "traceroute -m 5 -w 2 packet-journey.com")
    hops = re.findall(r"^ *\d+  (\S+) \(([\d.]+)\)", told, re.MULTILINE)
    names = [name for name, _ in hops]
    assert hops[:2] == [("192.168.122.1", "192.168.122.1"), ("192.168.1.1", "192.168.1.1")]
    assert names[2] == "isp.as64500.example" and names[3].endswith((".as64510.example", ".as64511.example"))
    assert any("as16509" in name for name in names)


def test_mtr_shows_them_too(nobody):
    told = in_shell(nobody, "mtr --report -i 0.2 -c 2 -m 5 -w packet-journey.com")
    assert "isp.as64500.example" in told and "as16509.example" in told


@pytest.mark.parametrize("loss", [None, "1%"])
def test_the_kernels_tcp_gets_a_long_file_whole(nobody, loss):
    if loss is not None:
        nobody("fault", "add", "link:wifi", f"loss={loss}")
    try:
        told = in_shell(nobody, f"curl -sS https://packet-journey.com/bytes/{MEGABYTES}m | sha256sum")
    finally:
        if loss is not None:
            nobody("fault", "clear")
    assert told.split()[0] == hashlib.sha256(content(0, MEGABYTES << 20)).hexdigest()


def test_it_ends_as_its_command_does_and_leaves_nothing(nobody):
    assert nobody("shell", "laptop", "--", "sh", "-c", "exit 7", code=7).stdout == ""
    assert "No such file" in nobody("shell", "laptop", "--", "no-such-program", code=127).stderr
    assert nobody("shell", "laptop", stdin="echo hello; exit 3\n", code=3).stdout == "hello\n"
    assert "there is laptop" in nobody("shell", "desktop", code=2).stderr
    told = json.loads(nobody("ps", "--json").stdout)
    assert not list(Path(told["directory"]).glob("shell-*"))


def test_one_that_is_killed_takes_its_child_along_and_gives_its_address_back(nobody):
    told = in_shell(nobody, "(sleep 0.3; kill -9 $PPID) & exec sleep 60", code=None)
    assert told == ""
    assert "192.168.122.2\n" in in_shell(nobody, "grep -o '192.168.122.2$' /proc/net/fib_trie")


def test_a_laptop_that_comes_back_is_joined_again(nobody):
    laptop = next(e for e in json.loads(nobody("ps", "--json").stdout)["elements"] if e["name"] == "laptop")
    curl = "curl -sS -m 2 -o /dev/null -w '%{http_code}' https://packet-journey.com/"
    again = f"kill -9 {laptop['pid']}; for n in $(seq 20); do {curl} 2>/dev/null && exit 0; sleep 0.2; done; exit 1"
    told = in_shell(nobody, f"{curl}; {again}")
    assert told.startswith("200") and told.endswith("200")


def test_where_the_kernel_forbids_it_one_sentence_says_so(nobody):
    """In a user namespace of its own, which may be told to have none below."""
    forbid = "echo 0 > /proc/sys/user/max_user_namespaces && exec " + shlex.join(
        [sys.executable, "-m", "orchestrator.cli", "shell", "laptop", "--", "true"]
    )
    told = nobody("shell", "laptop", "--", "sh", "-c", forbid, code=3).stderr
    assert told == "no shell here: no more user namespaces are allowed (sysctl user.max_user_namespaces)\n"
