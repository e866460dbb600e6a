"""References to images: `nginx:1.27` is `docker.io/library/nginx:1.27`; `asyncio://shop:app` is Python code on this
machine, an application that a pod runs in its own process. Sans-IO."""

import hashlib
import re
from typing import NamedTuple

_REFERENCE = re.compile(
    r"(?P<name>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::\d+(?=/))?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


APP_SCHEME = "asyncio://"
_NAME = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
APP = rf"{_NAME}:{_NAME}"
"""An app as Python's servers are told of it: `package.module:attribute`."""


class Reference(NamedTuple):
    """A parsed reference."""

    repository: str
    """In full: `docker.io/library/nginx`."""
    tag: str
    digest: str

    @property
    def app(self) -> str | None:
        """`module:attribute`, if that is what it names."""
        return self.repository.removeprefix(APP_SCHEME) if self.repository.startswith(APP_SCHEME) else None

    @property
    def short(self) -> str:
        """The repository as one writes it: `nginx`, `bitnami/nginx`, `public.ecr.aws/nginx/nginx`."""
        return self.repository.removeprefix("docker.io/library/").removeprefix("docker.io/")

    @property
    def name(self) -> str:
        """In full, as containerd has it."""
        tag = f":{self.tag}" if self.tag and not self.digest else ""
        return f"{self.repository}{tag}{'@' + self.digest if self.digest else ''}"

    @property
    def image_id(self) -> str:
        """`docker.io/library/nginx@sha256:…`; the digest is made up from the name, one for each tag."""
        digest = self.digest or "sha256:" + hashlib.sha256(self.name.encode()).hexdigest()
        return f"{self.repository}@{digest}"

    @property
    def default_policy(self) -> str:
        """`imagePullPolicy` where none is given."""
        return "Always" if self.tag == "latest" and not self.digest else "IfNotPresent"


def parse(text: str) -> Reference:
    """Raises ValueError for what is no reference."""
    if text.startswith(APP_SCHEME):
        if re.fullmatch(APP, text.removeprefix(APP_SCHEME)) is None:
            what = f"{APP_SCHEME} is followed by module:attribute, such as {APP_SCHEME}shop:app"
            raise ValueError(f'couldn\'t parse image name "{text}": {what}')
        return Reference(text, "", "")
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ValueError(f'couldn\'t parse image name "{text}": invalid reference format')
    first, _, rest = match["name"].partition("/")
    if not rest:
        repository = f"docker.io/library/{first}"
    elif "." in first or ":" in first or first == "localhost":
        repository = match["name"]
    else:
        repository = f"docker.io/{match['name']}"
    return Reference(repository, match["tag"] or ("" if match["digest"] else "latest"), match["digest"] or "")


def not_found(reference: Reference) -> str:
    """What containerd says when the registry has no such repository."""
    return (
        f'rpc error: code = Unknown desc = failed to pull and unpack image "{reference.name}": '
        f'failed to resolve reference "{reference.name}": pull access denied, repository does not exist or may require '
        "authorization: server message: insufficient_scope: authorization failed"
    )
