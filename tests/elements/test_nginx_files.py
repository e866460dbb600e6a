"""Files of nginx: any size, whole or in part, streamed under flow control and never held."""

import hashlib
import signal
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.parts.load.mix import BadRequest, check
from actors.parts.nginx_pages import MODIFIED
from actors.parts.pod.image import ContainerImage
from actors.parts.pod.nginx_files import PERIOD, Asked, NginxFile, Span, content
from actors.units import parse_size
from tests.elements.test_nginx_pod import Bed, request


def digest(size: int) -> str:
    found = hashlib.sha256()
    for start in range(0, size, 100_000):
        found.update(content(start, min(100_000, size - start)))
    return found.hexdigest()


# ---- what a file is --------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.lists(st.integers(1, 200_000), max_size=5))
def test_content_follows_from_its_place_however_it_is_cut(start, lengths):
    parts, at = b"", start
    for length in lengths:
        parts, at = parts + content(at, length), at + length
    assert parts == content(start, sum(lengths))


def test_content_does_not_repeat_where_segments_do():
    assert content(0, PERIOD) == content(PERIOD, PERIOD)
    assert all(content(0, 64) != content(step, 64) for step in (16, 1448, 1460, 8948, 65_536))


@pytest.mark.parametrize(
    ("text", "size"),
    [("512", 512), ("64k", 65_536), ("10MB", 10_000_000), ("10mb", 10_000_000), ("1GiB", 2**30), ("1.5k", 1536),
     ("0", 0)],
)  # fmt: skip
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "10 parsecs", None, True, -3])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is not a size; write it like 512, 64k, 10MB or 1GiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("asked", "status", "span"),
    [
        (Asked(), 200, (0, 1000)),
        (Asked(range="bytes=0-99"), 206, (0, 100)),
        (Asked(range="bytes=900-"), 206, (900, 1000)),
        (Asked(range="bytes=-10"), 206, (990, 1000)),
        (Asked(range="bytes=-5000"), 206, (0, 1000)),
        (Asked(range="bytes=990-5000"), 206, (990, 1000)),
        (Asked(range="bytes=1000-"), 416, (0, 0)),
        (Asked(range="bytes=-0"), 416, (0, 0)),
        (Asked(range="bytes=9-3"), 416, (0, 0)),
        (Asked(range="bytes=0-1,5-6"), 200, (0, 1000)),
        (Asked(range="lines=1-2"), 200, (0, 1000)),
        (Asked(range="bytes=0-9", if_range=NginxFile(1000).etag), 206, (0, 10)),
        (Asked(range="bytes=0-9", if_range=MODIFIED), 206, (0, 10)),
        (Asked(range="bytes=0-9", if_range='"another"'), 200, (0, 1000)),
        (Asked(if_none_match=NginxFile(1000).etag), 304, (0, 0)),
        (Asked(if_none_match=f'"x", W/{NginxFile(1000).etag}', range="bytes=0-1"), 304, (0, 0)),
        (Asked(if_none_match='"x"', if_modified_since=MODIFIED), 200, (0, 1000)),
        (Asked(if_modified_since=MODIFIED), 304, (0, 0)),
    ],
)
def test_conditions_and_ranges(asked, status, span):
    assert NginxFile(1000).status(asked) == (status, Span(*span))


def test_a_wrong_size_is_told_where_it_is_written():
    check({"path": "/bytes/64k?page=2"})
    with pytest.raises(BadRequest, match="/bytes/64x: '64x' is not a size; write it like 512, 64k") as caught:
        check({"path": "/bytes/64x"})
    assert caught.value.key == "path"
    with pytest.raises(BadRequest, match="more than 10GB"):
        check({"path": "/bytes/11GB"})
    with pytest.raises(ValueError, match="is not a size"):
        ContainerImage.model_validate({"locations": {"/a": {"size": "big"}}})
    with pytest.raises(ValueError, match="String should match pattern"):
        ContainerImage.model_validate({"locations": {"a": {"size": 1}}})


# ---- how it is served ------------------------------------------------------------------------------------------------


def test_a_file_comes_whole_with_its_fields(tmp_path):
    bed = Bed(tmp_path, locations={"/download": {"size": "300kB"}})
    response = bed.run(bed.ask(request("GET /download")))
    assert b"".join(response.body) == content(0, 300_000)
    assert response.fields[b"connection"] == b"keep-alive"
    assert [line.strip() for line in response.lines[2:]] == [
        b"Content-Type: application/octet-stream",
        f"Last-Modified: {MODIFIED}".encode(),
        b'ETag: "%b"' % NginxFile(300_000).etag.strip('"').encode(),
        b"Accept-Ranges: bytes",
        b"X-Served-By: nginx-0",
    ]
    assert '"GET /download HTTP/1.1" 200 300000' in bed.log()[-1]


@pytest.mark.parametrize(
    ("asked", "status", "size", "field"),
    [
        (request("GET /bytes/1k"), 200, 1024, (b"Accept-Ranges", b"bytes")),
        (request("GET /bytes/0"), 200, 0, (b"Content-Type", b"application/octet-stream")),
        (request("GET /bytes/1kB", "Range: bytes=990-"), 206, 10, (b"Content-Range", b"bytes 990-999/1000")),
        (request("GET /bytes/9", "Range: bytes=9-"), 416, None, (b"Content-Range", b"bytes */9")),
        (request("POST /bytes/9", "Content-Length: 0"), 405, None, (b"Content-Type", b"text/html")),
        (request("GET /bytes/many"), 404, None, (b"Content-Type", b"text/html")),
    ],
)  # fmt: skip
def test_answers(tmp_path, asked, status, size, field):
    bed = Bed(tmp_path)
    response = bed.run(bed.ask(asked))
    assert response.status == status
    assert size is None or sum(map(len, response.body)) == size
    assert b"%b: %b\r\n" % field in response.lines
    assert f'" {status} {sum(map(len, response.body))} "' in bed.log()[-1]


def test_a_size_that_is_none_is_explained_in_the_error_log(tmp_path):
    bed = Bed(tmp_path)
    bed.run(bed.ask(request("GET /bytes/many")))
    assert any("'many' is not a size; write it like 512, 64k" in line for line in bed.lines())


def test_head_has_the_length_and_no_content(tmp_path):
    bed = Bed(tmp_path)
    response = bed.run(bed.ask(request("HEAD /bytes/5MB"), b"HEAD"))
    assert (response.status, b"".join(response.body)) == (200, b"")
    assert '"HEAD /bytes/5MB HTTP/1.1" 200 0 ' in bed.log()[-1]


def test_a_client_that_does_not_read_holds_the_file_back_and_nobody_s_memory(tmp_path):
    bed = Bed(tmp_path)

    async def story() -> int:
        talk = await bed.connect()
        talk.transport.pause_reading()
        talk.transport.write(request("GET /bytes/1GiB"))
        tracemalloc.start()
        await bed.sleep(30)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert (await bed.call("inspect"))["containers"]["nginx"]["inflight_requests"] == 1
        await bed.sleep(120)
        assert (await bed.call("inspect"))["containers"]["nginx"]["inflight_requests"] == 0, "send_timeout"
        return peak

    assert bed.run(story()) < 12_000_000
    sent = int(bed.log()[-1].split('" 200 ')[1].split()[0])
    assert 65_536 < sent < 20_000_000


def test_requests_behind_a_download_wait_for_its_end(tmp_path):
    bed = Bed(tmp_path)

    async def story() -> list[int]:
        talk = await bed.connect()
        talk.transport.write(request("GET /bytes/400k") + request("GET /bytes/7"))
        first = await talk.response()
        rest = talk.heard
        second = await talk.response() if not rest else None
        return [sum(map(len, each.body)) for each in (first, second) if each is not None]

    assert bed.run(story())[0] == 400 * 1024
    assert [line.split('"')[1] for line in bed.log()] == ["GET /bytes/400k HTTP/1.1", "GET /bytes/7 HTTP/1.1"]


def test_sigquit_lets_a_download_end_and_sigterm_does_not(tmp_path):
    for number, whole in ((signal.SIGQUIT, True), (signal.SIGTERM, False)):
        directory = tmp_path / str(int(number))
        directory.mkdir()
        bed = Bed(directory)

        async def story(bed: Bed = bed, number: int = number) -> int:
            layer = bed.node.stack.tcp  # whose receive buffer would soon hold all of it
            layer.settings = replace(layer.settings, moderate_receive_buffer=False)
            talk = await bed.connect()
            talk.transport.write(request("GET /bytes/3MB"))
            await bed.sleep(0.00103)
            await bed.signal(number)
            await bed.sleep(5)
            body = talk.heard.partition(b"\r\n\r\n")[2]
            assert talk.lost.is_set()
            return len(body)

        assert (bed.run(story()) == 3_000_000) is whole
