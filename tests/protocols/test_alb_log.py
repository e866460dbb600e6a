import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.alb_log import FIELDS, BadLine, Entry, Origin, line, parse

ARN = "arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067"
CERTIFICATE = "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012"
RECEIVED = 1_530_570_180_186_641_000

# AWS's own example of an HTTPS request, with what this ALB does (no authentication, no redirect).
EXAMPLE = Entry(
    origin=Origin(
        type="https",
        elb="app/my-loadbalancer/50dc6c495c0c9188",
        client="192.168.131.39:2817",
        ssl_cipher="ECDHE-RSA-AES128-GCM-SHA256",
        ssl_protocol="TLSv1.2",
        domain_name="www.example.com",
        chosen_cert_arn=CERTIFICATE,
        conn_trace_id="TID_1234abcd5678ef90",
    ),
    target="10.0.0.1:80",
    unix_offset_ns=RECEIVED,
    received_ns=0,
    sent_ns=86_000_000,
    first_byte_ns=134_000_000,
    answered_ns=171_000_000,
    elb_status=200,
    target_status=200,
    received_bytes=0,
    sent_bytes=57,
    request="GET https://www.example.com:443/ HTTP/1.1",
    user_agent="curl/7.46.0",
    target_group_arn=ARN,
    trace_id="Root=1-58337281-1d84f3d73c47ec4e58577259",
    matched_rule_priority="1",
    actions="forward",
)


def test_the_line_of_awss_own_example():
    assert line(EXAMPLE) == (
        "https 2018-07-02T22:23:00.357641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 "
        '0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" '
        f"ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 {ARN} "
        '"Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
        f'"{CERTIFICATE}" 1 2018-07-02T22:23:00.186641Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" '
        'TID_1234abcd5678ef90 "-" "-" "-"\n'
    )


def test_a_request_that_no_target_got():
    entry = EXAMPLE._replace(target="-", sent_ns=None, first_byte_ns=None, elb_status=503, target_status=0)
    assert " - -1 -1 -1 503 - 0 57 " in line(entry)
    assert ' "forward" "-" "-" "-" "-" "-" "-" TID_' in line(entry)


def test_a_target_that_did_not_answer():
    entry = EXAMPLE._replace(first_byte_ns=None, elb_status=504, target_status=0)
    assert " 10.0.0.1:80 0.086 -1 -1 504 - " in line(entry)


def test_texts_of_strangers_cannot_break_the_line():
    entry = EXAMPLE._replace(user_agent='a"b\nc\xe9 \\ d', request="GET /\x7f")
    assert '"GET /\\x7f" "a\\x22b\\x0ac\\xe9 \\x5c d"' in line(entry)
    assert line(entry).count("\n") == 1
    assert line(entry).isascii()


def test_a_line_read_again():
    fields = parse(line(EXAMPLE))
    assert tuple(fields) == FIELDS
    assert fields["request"] == "GET https://www.example.com:443/ HTTP/1.1"
    assert fields["conn_trace_id"] == "TID_1234abcd5678ef90"
    assert fields["target_processing_time"] == "0.048"


@pytest.mark.parametrize("junk", ["", "http -", 'a "b c', '"a"b', line(EXAMPLE).rpartition(" ")[0]])
def test_lines_of_something_else(junk):
    with pytest.raises(BadLine):
        parse(junk)


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text):
    try:
        parse(text)
    except BadLine:
        pass


OCTETS = st.text(st.characters(max_codepoint=255), max_size=40)
MOMENT = st.none() | st.integers(RECEIVED, RECEIVED * 2)


@given(OCTETS, OCTETS, OCTETS, OCTETS, st.integers(0, 599), MOMENT, MOMENT)
def test_what_is_written_is_read(request_line, agent, trace, url, target_status, sent_ns, first_byte_ns):
    entry = EXAMPLE._replace(
        request=request_line,
        user_agent=agent,
        trace_id=trace,
        redirect_url=url,
        transformed_uri=url,
        classification="Severe",
        classification_reason="BadUri",
        error_reason="AWSALBTGCookieInvalid",
        target_status=target_status,
        sent_ns=sent_ns,
        first_byte_ns=first_byte_ns,
    )
    fields = parse(line(entry))
    assert (fields["request"], fields["user_agent"], fields["trace_id"]) == (request_line, agent, trace)
    assert fields["redirect_url"] == fields["transformed_uri"] == url
    assert (fields["classification"], fields["classification_reason"]) == ("Severe", "BadUri")
    assert fields["error_reason"] == "AWSALBTGCookieInvalid"
    assert fields["target_status_code"] == fields["target_status_code_list"] == str(target_status or "-")
    times = [fields[f"{part}_processing_time"] for part in ("request", "target", "response")]
    if sent_ns is None:
        assert times == ["-1"] * 3
    elif first_byte_ns is None:
        assert times[1:] == ["-1"] * 2
