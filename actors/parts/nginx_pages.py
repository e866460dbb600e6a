"""What a freshly installed nginx has to say: one page, and its error pages."""

from functools import lru_cache
from typing import NamedTuple

from actors.protocols.http1 import http_date

SERVER = "nginx/1.27.3"

WELCOME = b"""<!DOCTYPE html>
<html>
<head>
<title>You have reached nginx</title>
<style>
html { color-scheme: light dark; }
body { width: 36em; margin: 0 auto; font-family: sans-serif; }
</style>
</head>
<body>
<h1>You have reached nginx!</h1>
<p>Your request has found its way: name, route, address translation, load
balancer, node and veth pair, each did its part, and this server is up
and answers. What it should say from here on is for you to configure.</p>

<p>Follow the journey of this very page with <code>journey trace</code>.
Every step was taken, none is made up.</p>

<p><em>Good journey.</em></p>
</body>
</html>
"""

MODIFIED_S = 1_732_636_500
"""When the page was put there: 2024-11-26 15:55:00 UTC."""

ETAG = f'"{MODIFIED_S:x}-{len(WELCOME):x}"'

_REASONS = {
    200: "OK",
    304: "Not Modified",
    400: "Bad Request",
    404: "Not Found",
    405: "Not Allowed",
    408: "Request Time-out",
    413: "Request Entity Too Large",
    416: "Requested Range Not Satisfiable",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
ERROR_STATUSES = frozenset(status for status in _REASONS if status >= 400)
"""Those that there is a page for."""

MODIFIED = http_date(MODIFIED_S)


def error_page(status: int) -> bytes:
    """nginx's own page for an error."""
    title = f"{status} {_REASONS[status]}"
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{SERVER}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()


class Answer(NamedTuple):
    """A whole response as bytes, and how many of them are content; or its head, and a file's bytes that follow."""

    data: bytes
    body_bytes: int
    start: int = 0
    """Where in the file the content begins."""
    streamed: bool = False
    """Whether the content is yet to follow."""


@lru_cache(maxsize=32)
def answer(status: int, is_head: bool, keep_alive: bool, unix_s: int, served_by: str) -> Answer:
    """nginx's answer at this second, its fields in nginx's order."""
    body = WELCOME if status == 200 else b"" if status == 304 else error_page(status)
    fields = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Server: {SERVER}", f"Date: {http_date(unix_s)}"]
    if status != 304:
        fields += ["Content-Type: text/html", f"Content-Length: {len(body)}"]
    if status in (200, 304):
        fields.append(f"Last-Modified: {MODIFIED}")
    fields.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    if status in (200, 304):
        fields.append(f"ETag: {ETAG}")
    fields += [f"X-Served-By: {served_by}", "", ""]
    head = "\r\n".join(fields).encode()
    return Answer(head, 0) if is_head else Answer(head + body, len(body))


def status_of(method: str, path: str, if_none_match: str | None, if_modified_since: str | None) -> int:
    """The status for a request of the default site, which has nothing but `/` and `/index.html`. Methods other than
    these three nginx does not even look for (ngx_http_static_handler)."""
    if method not in ("GET", "HEAD", "POST"):
        return 405
    if path not in ("/", "/index.html"):
        return 404
    if method not in ("GET", "HEAD"):
        return 405
    if if_none_match is not None:
        tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
        return 304 if ETAG in tags or tags == ["*"] else 200
    return 304 if if_modified_since == MODIFIED else 200
