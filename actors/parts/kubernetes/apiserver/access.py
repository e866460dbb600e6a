"""How kubectl gets in: tokens, and a kubeconfig file that names the server, its CA and the token.

The token is not thrown from the world's dice, which anybody could throw again: it is derived from the key of the
server's certificate, which nobody but the owner can read and which outlives the server's process.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

import yaml

from actors.parts.kubernetes.apiserver.authorization import AUTHENTICATED, MASTERS, VIEWERS
from actors.parts.kubernetes.apiserver.requests import User

ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
VIEWER = User("viewer", (VIEWERS, AUTHENTICATED))
CONTEXT = "packet-journey"


def admin_token(directory: Path, certificate: str) -> str:
    """The bearer token of the administrator."""
    secret = (directory / "certs" / f"{certificate}.pem").read_bytes()
    return hmac.new(secret, ADMIN.name.encode(), hashlib.sha256).hexdigest()


def kubeconfig(directory: Path, address: str, token: str) -> str:
    """The text of a kubeconfig for the server at `https://<address>`."""
    ca = base64.b64encode((directory / "ca.pem").read_bytes()).decode()
    server = {"server": f"https://{address}", "certificate-authority-data": ca}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT, "cluster": server}],
        "users": [{"name": ADMIN.name, "user": {"token": token}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": ADMIN.name}}],
        "current-context": CONTEXT,
    }
    return yaml.safe_dump(config, sort_keys=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, in the place of what was there."""
    draft = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
