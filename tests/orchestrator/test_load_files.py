"""Traces, mixes and the words of the command line: what they mean, and what is said of those that mean nothing."""

from pathlib import Path

import pytest

from orchestrator.config.errors import ConfigErrors
from orchestrator.load.shapes import Change
from orchestrator.load.trace import BadTrace, read_trace, trace_of
from orchestrator.load.words import BadWords, level_of, request_of, requests_in, stage_of

# ---- traces --------------------------------------------------------------------------------------------------------


def test_a_trace_of_moments():
    trace = trace_of(["# morning\n", "0\n", "\n", " 0.25\n", "1e0\n"], "x")
    assert (trace.due_us, trace.which, trace.requests) == ((0, 250_000, 1_000_000), None, [])
    shape = trace.shape({"requests": [{"path": "/"}], "keepalive": 0.5})
    assert shape.options == {"requests": [{"path": "/"}], "keepalive": 0.5} and shape.which is None


def test_a_trace_of_requests():
    lines = [
        '{"t": 0.5, "path": "/a"}',
        "0.5",
        '{"t": 1, "path": "/a", "method": "POST", "body_bytes": 3}',
        '{"path": "/a", "t": 2}',
        '{"t": 2, "path": "/a", "headers": {"X-A": "1"}}',
    ]
    trace = trace_of(lines, "x")
    assert trace.which == (0, 1, 2, 0, 3)
    assert [request["name"] for request in trace.requests] == [
        "GET /a",
        "GET (the URL)",
        "POST /a",
        "GET /a (2)",
    ]
    assert trace.shape({}).options["requests"] == trace.requests


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("soon", "'soon' is not a number of seconds such as 1.25"),
        ("-1", "-1 is before the beginning: seconds count from there"),
        ("nan", "nan is before the beginning: seconds count from there"),
        ("1767225600", "1767225600 s is more than a day: seconds count from the beginning of the load, not from 1970"),
        ("0.5", "0.5 s comes after 1 s: a trace does not go back"),
        ('{"t": 2', "this is not JSON: Expecting ',' delimiter at column 8"),
        ('{"path": "/"}', 'a request is due at some "t", in seconds from the beginning'),
        ('{"t": true}', "True is not a number of seconds such as 1.25"),
        ('{"t": 2, "weight": 3}', "unknown key 'weight'; a line has t, path, method, host, headers, body, body_bytes, "
         "expect"),
        ('{"t": 2, "path": "a"}', "path: 'a' is not a path such as /products?page=2"),
    ],
)  # fmt: skip
def test_a_line_that_is_none_is_told_with_its_number(line: str, message: str):
    with pytest.raises(BadTrace) as raised:
        trace_of(["1", "", line], "arrivals.txt")
    assert str(raised.value) == f"arrivals.txt:3: {message}"


def test_a_file_that_is_no_trace(tmp_path: Path):
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for name, message in (
        ("missing", "No such file or directory"),
        ("empty", "there is no line that says when a request is due, such as 1.25"),
        ("binary", "this is not text"),
    ):
        with pytest.raises(BadTrace) as raised:
            read_trace(tmp_path / name)
        assert str(raised.value) == f"{tmp_path / name}: {message}"


# ---- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("/", {"path": "/"}),
        ("HEAD /a?b=c", {"method": "HEAD", "path": "/a?b=c"}),
        ("2.5x POST /orders -> 201", {"weight": 2.5, "method": "POST", "path": "/orders",
                                      "expect": {"status": ["201"]}}),
        ("3x / -> 2xx, 304", {"weight": 3.0, "path": "/", "expect": {"status": ["2xx", "304"]}}),
    ],
)  # fmt: skip
def test_a_request_in_words(text, request_):
    assert request_of(text) == request_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a request; write it like 'GET /', or '3x POST /orders -> 201'"),
        ("GET", "'GET' is not a request; write it like 'GET /', or '3x POST /orders -> 201'"),
        ("GET / -> ok", "'GET / -> ok': 'ok' is not a status such as 200 or 2xx"),
        ("0x GET /", "'0x GET /': a weight is above 0, not 0.0"),
        ("G(T /", "'G(T /': 'G(T' is not a method such as POST"),
    ],
)
def test_words_that_say_no_request(text, message):
    with pytest.raises(BadWords) as raised:
        request_of(text)
    assert str(raised.value) == message


def test_stages_in_words():
    assert stage_of("300/s for 10s") == {"duration_s": 10, "rate": 300, "rate_at_end": 300}
    assert stage_of("50/s to 300/s for 1m") == {"duration_s": 60, "rate": 50, "rate_at_end": 300}
    assert stage_of("5 to 20 users for 2s") == {"duration_s": 2, "users": 5, "users_at_end": 20}
    assert stage_of("1 user for 2s") == {"duration_s": 2, "users": 1, "users_at_end": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("300/s", "'300/s' is not a stage; write it like '50/s to 300/s for 10s' or '20 users for 1m'"),
        ("300 for 10s", "'300 for 10s': '300' is not a rate; write it like 300/s, or 50/s to 300/s"),
        ("x users for 10s", "'x users for 10s': 'x' is not a number of users; write it like 20, or 5 to 50"),
        ("0/s for 10s", "'0/s for 10s': a stage needs a rate above 0"),
        ("3/s for ever", "'3/s for ever': 'ever' is not a duration; write it like 800us, 20ms or 1m30s"),
    ],
)
def test_words_that_say_no_stage(text, message):
    with pytest.raises(BadWords) as raised:
        stage_of(text)
    assert str(raised.value) == message


def test_levels_in_words():
    assert level_of(["800/s"]) == Change("set", rate=800.0)
    assert level_of(["20", "users"]) == level_of(["20"]) == Change("set", users=20)
    for words, message in (
        (["fast"], "'fast' is no level of a load; write it like 800/s, or 20 users"),
        (["5/s", "to", "9/s"], "a load is set to one level; --stage has ramps"),
    ):
        with pytest.raises(BadWords) as raised:
            level_of(words)
        assert str(raised.value) == message


# ---- files of requests ---------------------------------------------------------------------------------------------


def test_a_file_of_requests(tmp_path: Path):
    path = tmp_path / "mix.yaml"
    path.write_text(
        "requests:\n  - {path: /, weight: 3, expect: {status: 200}}\n  - {path: /a, method: POST, body: hello}\n"
    )
    assert requests_in(path) == [
        {"path": "/", "weight": 3, "expect": {"status": ["200"]}},
        {"path": "/a", "method": "POST", "body": "hello"},
    ]


def test_what_is_wrong_with_a_file_of_requests_is_told_with_its_place(tmp_path: Path):
    path = tmp_path / "mix.yaml"
    path.write_text(
        "requests:\n"
        "  - {path: index, weigth: 3}\n"
        "  - {headers: {Host: a}, expect: {status: [200, ok]}}\n"
        "  - {body: a, body_bytes: 3}\n"
    )
    with pytest.raises(ConfigErrors) as raised:
        requests_in(path)
    assert str(raised.value).replace(f"{path}:", "").splitlines() == [
        "2:12: requests[0].path: 'index' is not a path such as /products?page=2",
        "2:19: requests[0].weigth: unknown key, did you mean 'weight'?",
        "3:15: requests[1].headers: Host is not set here: say host",
        "3:43: requests[1].expect.status: 'ok' is not a status such as 200 or 2xx",
        "4:5: requests[2]: body is the text of it, body_bytes its size: give one of them",
    ]
