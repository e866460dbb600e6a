from actors.protocols.alb_log import Entry, Origin, line

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
