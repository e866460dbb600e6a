"""`journey --world compose`: the world in containers, asked from outside.

Its orchestrator listens on 127.0.0.1:7464 (JOURNEY_PORT) and wants a token. That is taken from JOURNEY_TOKEN, else from
the file of the last time, else asked of the orchestrator's container, which only those can do who command the engine.
"""

import os
import subprocess
from pathlib import Path

from orchestrator.commands.failure import environment, usage
from orchestrator.control.api import BAD_TOKEN, Client, Remote, RequestFailed
from orchestrator.directory import home

PORT = 7464
NAMES = ("compose",)
SERVICE = "orchestrator"
LABEL = "com.docker.compose.service"
TOKEN, KUBECONFIG, CA = "compose.token", "compose.kubeconfig", "compose.ca.pem"


def find(where: str) -> Client:
    """The world of that name. Ends the command if nobody answers."""
    if where not in NAMES:
        usage(
            f"--world {where}: known is compose (the default is the world that `journey up` has started here)"
        )
    port = int(os.environ.get("JOURNEY_PORT", PORT))
    kept = home() / TOKEN
    known = os.environ.get("JOURNEY_TOKEN") or (kept.read_text() if kept.exists() else "")
    if known and _answers(client := Client(Remote("127.0.0.1", port, known))):
        return client
    client = Client(Remote("127.0.0.1", port, _token_from_container()))
    if not _answers(client):
        environment(f"the world at 127.0.0.1:{port} is not the one that runs in containers here")
    _write_private(kept, client.where.token if isinstance(client.where, Remote) else "")
    return client


def _answers(client: Client) -> bool:
    """Whether the token is right. Ends the command if nobody is there."""
    try:
        client.request("hello")
    except RequestFailed as error:
        if str(error) == BAD_TOKEN:
            return False
        environment(f"{error}; `docker compose up --detach` starts the world in containers")
    return True


def _token_from_container() -> str:
    found = _docker("ps", "--quiet", "--filter", f"label={LABEL}={SERVICE}").split()
    if len(found) != 1:
        environment(
            f"{len(found) or 'no'} containers of a service {SERVICE} run here; JOURNEY_TOKEN may say the token"
        )
    return _docker("exec", found[0], "python", "-m", "orchestrator.compose", "token").strip()


def _docker(*arguments: str) -> str:
    try:
        return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        environment("docker is not installed; JOURNEY_TOKEN may say the token of a world in containers")
    except subprocess.CalledProcessError as error:
        environment(f"docker {arguments[0]}: {error.stderr.strip()}")


def kubeconfig_of(client: Client) -> Path:
    """A copy of the file that the API server in its container has written for kubectl."""
    path = home() / KUBECONFIG
    _write_private(path, str(client.request("kubeconfig")))
    return path


def ca_of(client: Client) -> Path:
    """A copy of the certificate by which the world's sites are trusted."""
    path = home() / CA
    path.write_text(str(client.request("authority")))
    return path


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)
