"""What a request of a program asks for: which site, and what there."""

from typing import TYPE_CHECKING, NamedTuple

from actors.parts.clients.sites import Site, named_by, site_of
from actors.protocols.http1 import Request

if TYPE_CHECKING:
    from actors.parts.clients.lobby import Lobby


class Asked(NamedTuple):
    """A site, the target as the site gets it, and whether a Host field alone says which site that is."""

    site: Site
    target: bytes
    by_field: bool = False


def asked_by(request: Request, lobby: "Lobby", *, proxy: bool) -> Asked:
    """What it asks for; `proxy` says that it takes us for one. Raises ValueError."""
    if b"://" in request.target[:12]:
        return _absolute(request)
    if proxy:
        raise ValueError(f"this is a proxy: ask for a whole URL, or use the ingress; {lobby.ports()}")
    named = named_by(request.fields.get(b"host", b"").decode("latin-1"), lobby.ingress_port, lobby.site)
    chosen = named or lobby.site
    if chosen is None:
        raise ValueError("this world has no url of its own: say by a Host field whom you ask")
    return Asked(chosen, request.target, by_field=named is not None)


def _absolute(request: Request) -> Asked:
    """A target in absolute-form (RFC 9112 section 3.2.2)."""
    scheme, _, rest = request.target.partition(b"://")
    authority, slash, path = rest.partition(b"/")
    authority, query, more = authority.partition(b"?")
    site = site_of(f"{scheme.decode('latin-1')}://{authority.decode('latin-1')}/")
    path = slash + path if slash else (b"/?" + more if query else b"/")
    return Asked(site, path if request.method != b"OPTIONS" or slash else b"*")
