"""What an ALB makes of requests on their way: desync modes, odd versions, fields by attribute."""

import asyncio

import pytest

from orchestrator.pki import make_authority
from tests.elements.alb_bed import GET, OK, Bed, say

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"

ACCEPTABLE = b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"
AMBIGUOUS = POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab"
SEVERE = POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab"


def test_custom_methods_pass_and_trailers_do_not(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().patient = True
        talk = await bed.connect()
        assert (await talk.ask(b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", b"BREW")).status == 200
        chunked = b"PROPFIND / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert (await talk.ask(chunked + b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")).status == 200

    bed.run(story())
    assert [(each.method, each.trailers) for each in bed.target().requests] == [
        (b"BREW", []),
        (b"PROPFIND", []),
    ]
    assert '"BREW http://a:80/ HTTP/1.1"' in bed.log()[0]


@pytest.mark.parametrize(
    ("mode", "request_bytes", "status", "stays"),
    [
        ("monitor", ACCEPTABLE, 200, True),
        ("monitor", AMBIGUOUS, 200, True),
        ("monitor", SEVERE, 200, True),
        ("defensive", ACCEPTABLE, 200, True),
        ("defensive", AMBIGUOUS, 200, False),
        ("defensive", SEVERE, 400, False),
        ("strictest", GET, 200, True),
        ("strictest", ACCEPTABLE, 400, False),
        ("strictest", AMBIGUOUS, 400, False),
        ("strictest", SEVERE, 400, False),
    ],
)
def test_desync_modes(tmp_path, mode, request_bytes, status, stays):
    bed = Bed(tmp_path, attributes={"routing.http.desync_mitigation_mode": mode})

    async def story():
        talk = await bed.connect()
        response = await talk.ask(request_bytes)
        assert response.status == status
        await asyncio.sleep(0.1)
        assert talk.lost.is_set() is not stays

    bed.run(story())
    odd = request_bytes is not GET
    assert bed.metric("journey_alb_noncompliant_requests_total") == odd
    [line] = bed.log()
    wanted = {
        GET: '"-" "-"',
        ACCEPTABLE: '"Acceptable" "SpaceInUri"',
        AMBIGUOUS: '"Ambiguous" "DuplicateContentLength"',
        SEVERE: '"Severe" "MultipleContentLength"',
    }
    assert f" {wanted[request_bytes]} TID_" in line


def test_after_an_ambiguous_request_its_targets_connection_is_not_used_again(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        assert (await bed.ask(AMBIGUOUS, b"POST")).status == 200
        assert (await bed.ask()).status == 200

    bed.run(story())
    assert len(bed.target().connections) - len(bed.target().probes) == 2


def test_http_0_9_gets_bare_content_and_a_close(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        talk = await bed.connect()
        talk.transport.write(b"GET /old\r\n")
        await talk.lost.wait()
        assert talk.heard == b"ok"

    bed.run(story())
    [request] = bed.target().requests
    assert (request.target, request.version) == (b"/old", b"1.1")
    assert request.fields[b"host"] == b"web-1.eu-west-1.elb.amazonaws.com"
    assert '"GET http://web-1.eu-west-1.elb.amazonaws.com:80/old HTTP/0.9"' in bed.log()[0]


@pytest.mark.parametrize(("drop", "left"), [("false", {b"X_A", b"X-B", b"X.C"}), ("true", {b"X-B"})])
def test_invalid_names_are_dropped_when_the_attribute_says_so(tmp_path, drop, left):
    bed = Bed(tmp_path, attributes={"routing.http.drop_invalid_header_fields.enabled": drop})
    bed.run(bed.ask(HEAD + b"X_A: 1\r\nX-B: 2\r\nX.C: 3\r\n\r\n"))
    [request] = bed.target().requests
    names = {line.partition(b":")[0] for line in request.lines}
    assert names & {b"X_A", b"X-B", b"X.C"} == left
    header = "dropped" if drop == "true" else "forwarded"
    assert bed.metric("journey_alb_invalid_header_requests_total", header=header) == 1


def test_several_hosts_are_kept_when_hosts_are_preserved(tmp_path):
    bed = Bed(tmp_path, attributes={"routing.http.preserve_host_header.enabled": "true"})
    assert bed.run(bed.ask(HEAD + b"Host: B\r\n\r\n")).status == 200
    assert b"Host: a\r\nHost: B\r\n" in bed.target().heard


@pytest.mark.parametrize("enabled", [True, False])
def test_targets_learn_of_tls_when_the_attribute_says_so(tmp_path, enabled):
    make_authority(tmp_path, ["example.com"])
    attribute = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"
    bed = Bed(tmp_path, protocol="HTTPS", attributes={attribute: str(enabled).lower()})

    async def story():
        talk = await bed.connect_securely(server_hostname="example.com")
        assert (await talk.ask(GET)).status == 200

    bed.run(story())
    assert (
        b"X-Amzn-Tls-Version: TLSv1.3\r\nX-Amzn-Tls-Cipher-Suite: TLS_AES_" in bed.target().heard
    ) == enabled


ROOT = b"Root=1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize(("padding", "kept"), [(0, True), (8_000, False)])
def test_a_trace_in_a_long_head_becomes_a_root_alone(tmp_path, padding, kept):
    bed = Bed(tmp_path)
    fields = b"X-Amzn-Trace-Id: " + ROOT + b";mine=1\r\nX-A: " + b"a" * padding + b"\r\n\r\n"
    bed.run(bed.ask(HEAD + fields))
    trace = bed.target().requests[0].fields[b"x-amzn-trace-id"]
    assert (ROOT in trace and b"mine=1" in trace and trace.startswith(b"Self=1-")) == kept
    assert trace.startswith(b"Root=1-") != kept


def test_small_pieces_of_a_chunked_answer_are_not_held_back(tmp_path):
    """As events of a stream are: they go on as they come, whatever is held of answers with a length."""
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\ndata:\r\n")
        talk = await bed.connect()
        talk.transport.write(GET)
        await asyncio.sleep(1)
        assert talk.heard.endswith(b"5\r\ndata:\r\n")

    bed.run(story())


def test_a_chunked_trailer_and_extension_end_here(tmp_path):
    bed = Bed(tmp_path)

    async def story():
        bed.target().answer = say(OK)
        bed.target().patient = True
        request = (
            POST + b"Trailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\nX-T: 1\r\n\r\n"
        )
        assert (await bed.ask(request, b"POST")).status == 200

    bed.run(story())
    assert bed.target().heard.endswith(b"1\r\nx\r\n0\r\n\r\n")
