"""The site that a load is for: connections to whichever of its addresses answers."""

import ssl
from collections.abc import Callable
from typing import Any

from yarl import URL

from actors.element import CallFailed
from actors.parts.names import NameNotResolved, addresses
from actors.protocols.dns.answer import Resolve
from actors.stack import Stack

CONNECT_TIMEOUT_S = 10.0


class Site:
    """A URL, and how a laptop reaches it."""

    def __init__(self, stack: Stack, resolve: Resolve, tls: ssl.SSLContext | None, url: URL) -> None:
        self.url = url
        self._stack, self._resolve, self._tls = stack, resolve, tls

    async def connect(self, make_protocol: Callable[[], Any]) -> tuple[str, str]:
        """Connect to the first address that takes it, the name resolved anew: `(address, "")`, or `("", kind of
        error)` if none does."""
        assert self.url.raw_host is not None
        assert self.url.port is not None
        kind = "dns_error"
        try:
            for host in await addresses(self._resolve, self.url.raw_host):
                kind = await self._open(make_protocol, host, self.url.port)
                if not kind:
                    return host, ""
        except NameNotResolved:
            pass
        return "", kind

    async def _open(self, make_protocol: Callable[[], Any], host: str, port: int) -> str:
        hostname = self.url.raw_host if self._tls is not None else None
        try:
            await self._stack.create_connection(
                make_protocol,
                host,
                port,
                timeout_s=CONNECT_TIMEOUT_S,
                ssl=self._tls,
                server_hostname=hostname,
            )
        except TimeoutError:
            return "connect_timeout"
        except ConnectionRefusedError:
            return "refused"
        except ConnectionResetError:
            return "reset"
        except ssl.SSLError:
            return "tls_error"
        except OSError:
            return "unreachable"
        return ""


def url_of(text: str) -> URL:
    """An http or https URL with a host; raises `CallFailed`."""
    try:
        url = URL(text)
    except ValueError as error:
        raise CallFailed(f"{text!r} is not a URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise CallFailed(f"{text!r} is not a URL such as https://packet-journey.com/")
    return url
