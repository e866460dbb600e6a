import pytest

from actors.protocols.forwarded_fields import (
    Location,
    forwarded_for,
    host_field,
    locate,
    too_many_forwarded,
    trace_id,
    trace_root,
)

ALB = b"alb-1.eu-west-1.elb.amazonaws.com"
FRESH = b"1-67891233-abcdef012345678912345678"


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        (b"/a?b", b"Example.com", Location(b"example.com", b"", b"/a?b")),
        (b"/", b"example.com:8443", Location(b"example.com", b"8443", b"/")),
        (b"http://Other.com:81/p?q=1", b"example.com", Location(b"other.com", b"81", b"/p?q=1")),
        (b"http://other.com", b"example.com", Location(b"other.com", b"", b"/")),
        (b"/", None, Location(ALB, b"", b"/")),
        (b"*", b"example.com", Location(b"example.com", b"", b"*")),
    ],
)
def test_where_a_request_wants_to_go(target, host, expected):
    assert locate(target, host, ALB) == expected


@pytest.mark.parametrize("target", [b"example.com:443", b"ftp://x/", b"", b"http:///x"])
def test_what_is_no_target(target):
    with pytest.raises(ValueError, match="not a request target"):
        locate(target, b"x", ALB)


@pytest.mark.parametrize(
    ("port", "listener_port", "expected"),
    [(b"", 443, b"x"), (b"8443", 443, b"x"), (b"", 8080, b"x:8080"), (b"81", 8080, b"x:81")],
)
def test_the_port_in_host(port, listener_port, expected):
    assert host_field(Location(b"x", port, b"/"), listener_port) == expected


def test_forwarded_for_by_mode():
    assert forwarded_for(None, b"1.2.3.4", "append") == b"1.2.3.4"
    assert forwarded_for(b"9.9.9.9", b"1.2.3.4", "append") == b"9.9.9.9, 1.2.3.4"
    assert forwarded_for(b"9.9.9.9", b"1.2.3.4", "preserve") == b"9.9.9.9"
    assert forwarded_for(None, b"1.2.3.4", "preserve") is None
    assert forwarded_for(b"9.9.9.9", b"1.2.3.4", "remove") is None


def test_more_than_thirty_addresses_are_too_many():
    assert not too_many_forwarded(None)
    assert not too_many_forwarded(b", ".join([b"1.1.1.1"] * 30))
    assert too_many_forwarded(b", ".join([b"1.1.1.1"] * 31))


def test_a_journey_is_its_own_trace_root():
    assert trace_root("67891233abcdef012345678912345678") == FRESH


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        (None, b"Root=" + FRESH),
        (b"Root=1-1-2", b"Self=" + FRESH + b";Root=1-1-2"),
        (b"Self=1-9-9;Root=1-1-2;App=5", b"Self=" + FRESH + b";Root=1-1-2;App=5"),
        (b"App=5", b"Root=" + FRESH + b";App=5"),
    ],
)
def test_trace_ids(existing, expected):
    assert trace_id(existing, FRESH) == expected
