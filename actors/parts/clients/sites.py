"""Which site a request is for: what its Host field or its target says, where that exists in the emulated world."""

from typing import NamedTuple

from yarl import URL

PORTS = {"http": 80, "https": 443}


class Site(NamedTuple):
    """A web server: how it is spoken to, and where."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As a Host field has it: without the port that goes without saying."""
        return self.host if self.port == PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def site_of(url: str) -> Site:
    """The site of an absolute URL. Raises ValueError."""
    parsed = URL(url)
    if parsed.scheme not in PORTS or not parsed.raw_host or parsed.port is None:
        raise ValueError(f"{url!r} is no http or https URL")
    return Site(parsed.scheme, parsed.raw_host, parsed.port)


def split_host(field: str) -> tuple[str, int | None]:
    """A Host field as name and port. Raises ValueError."""
    host, colon, port = field.partition(":") if not field.startswith("[") else (field, "", "")
    return host.lower(), int(port) if colon and port else None


def named_by(field: str, own_port: int, default: Site | None) -> Site | None:
    """The site that a Host field names at an ingress on `own_port`; None for the ingress itself, or what is no name.

    A port other than the ingress's is meant: 80 is http, 443 https; else it is spoken to as the default site is."""
    try:
        host, port = split_host(field.strip())
    except ValueError:
        return None
    if not host or host in ("localhost", "127.0.0.1", "[::1]") or "." not in host:
        return None
    if default is not None and host == default.host and port in (None, own_port):
        return default
    scheme = {80: "http", 443: "https"}.get(port or 0, "https" if default is None else default.scheme)
    return Site(scheme, host, PORTS[scheme] if port in (None, own_port) else port or 0)
