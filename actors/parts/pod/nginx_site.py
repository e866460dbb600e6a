"""What nginx answers, and what it writes down of it: the page or an error, counted, and a line of the access log."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from actors.element import Context, Counter
from actors.parts.nginx_pages import Answer, answer, error_page, status_of
from actors.parts.pod import nginx_files
from actors.parts.pod.container_log import ContainerLog
from actors.parts.pod.nginx_files import Asked, NginxFile
from actors.protocols.http1 import Request
from actors.protocols.log_text import quoted
from actors.units import SECOND

_CONDITIONS = (b"if-none-match", b"if-modified-since", b"range", b"if-range")
_LOOKED_AT = frozenset({b"referer", *_CONDITIONS})


class NginxSite:
    """The default site of one nginx."""

    def __init__(
        self, context: Context, hostname: str, log: ContainerLog, files: Mapping[str, int] | None = None
    ) -> None:
        """`files`: sizes by path."""
        self._context, self._log, self._name = context, log, hostname
        self._files = files or {}
        self._requests: dict[int, Counter] = {
            code_class: context.metrics.counter(
                "journey_pod_requests_total", pod=hostname, code_class=f"{code_class}xx"
            )
            for code_class in (2, 3, 4, 5)
        }

    def visit(
        self, request: Request, remote: str, status: int | None, keep_alive: bool
    ) -> tuple[int, Answer]:
        """The answer to a request, and its status: the given one, or the site's own; counted, and logged unless it is
        streamed, which is logged when it has ended."""
        method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
        fields = _fields(request)
        if status is None:
            path, since = target.partition("?")[0], fields.get(b"if-modified-since")
            if (file := self._file(path)) is not None and method in ("GET", "HEAD"):
                return self._serve(file, request, remote, fields, keep_alive)
            found = "/" if file is not None else path
            status = status_of(method, found, fields.get(b"if-none-match"), since)
        ready = self.answer(method, status, keep_alive)
        self.write(request, remote, status, ready.body_bytes, fields.get(b"referer", "-"))
        return status, ready

    def _file(self, path: str) -> NginxFile | None:
        try:
            return nginx_files.find(path, self._files)
        except ValueError as error:
            self.notice("error", f'open() "/usr/share/nginx/html{path}" failed (2: No such file), {error}')
            return None

    def _serve(
        self, file: NginxFile, request: Request, remote: str, fields: dict[bytes, str], keep_alive: bool
    ) -> tuple[int, Answer]:
        asked = Asked(*(fields.get(name) for name in _CONDITIONS))
        status, span = file.status(asked)
        page = error_page(status) if status == 416 else b""
        length, unix_s = len(page) or len(span), self._context.unix_ns() // SECOND
        head = file.head(status, span, length=length, keep_alive=keep_alive, unix_s=unix_s, name=self._name)
        self._requests[status // 100].value += 1
        if request.method != b"HEAD" and len(span):
            return status, Answer(head, len(span), span.start, streamed=True)
        ready = Answer(head, 0) if request.method == b"HEAD" else Answer(head + page, len(page))
        self.write(request, remote, status, ready.body_bytes, fields.get(b"referer", "-"))
        return status, ready

    def sent(self, request: Request, remote: str, status: int, body_bytes: int) -> None:
        """A streamed answer has ended, with so many bytes of content on their way."""
        self.write(request, remote, status, body_bytes, _fields(request).get(b"referer", "-"))

    def answer(self, method: str, status: int, keep_alive: bool) -> Answer:
        """nginx's answer with this status, counted."""
        self._requests[status // 100].value += 1
        return answer(status, method == "HEAD", keep_alive, self._context.unix_ns() // SECOND, self._name)

    def write(self, request: Request, remote: str, status: int, body_bytes: int, referer: str = "-") -> None:
        """A line in the official image's format `main`."""
        asked = b"%b %b HTTP/%b" % (request.method, request.target, request.version)
        line, agent = quoted(asked.decode("latin-1")), quoted(request.user_agent.decode("latin-1"))
        forwarded_for = quoted(request.fields.get(b"x-forwarded-for", b"-").decode("latin-1"))
        self._log.stdout(
            f"{remote} - - [{_local_time(self._context.unix_ns() // SECOND)}] "
            f'"{line}" {status} {body_bytes} "{quoted(referer)}" "{agent}" "{forwarded_for}"'
        )

    def notice(self, level: str, text: str) -> None:
        """A line of the error log, as the official image has it on stderr."""
        self._log.stderr(f"{_error_time(self._context.unix_ns() // SECOND)} [{level}] 1#1: {text}")

    def counts(self) -> dict[str, Any]:
        """Answers by class of status."""
        return {f"{code}xx": int(counter.value) for code, counter in self._requests.items()}


def _fields(request: Request) -> dict[bytes, str]:
    """The few fields that the site looks at, by their names in lower case."""
    found = {}
    for line in request.lines:
        name, _, value = line.partition(b":")
        if (lower := name.lower()) in _LOOKED_AT:
            found[lower] = value.strip().decode("latin-1")
    return found


@lru_cache(maxsize=8)
def _local_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")


@lru_cache(maxsize=8)
def _error_time(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y/%m/%d %H:%M:%S")
