"""Who is answered by the live page, and who is not."""

import pytest

from orchestrator.page.guard import HEADERS, Guard, Refused

OWN = "127.0.0.1:7463"


def refused(call, *arguments) -> int:
    with pytest.raises(Refused) as caught:
        call(*arguments)
    assert str(caught.value)
    return caught.value.status


@pytest.fixture
def guard() -> Guard:
    return Guard("127.0.0.1")


@pytest.mark.parametrize("host", [OWN, "localhost:7463", "localhost", "[::1]:7463", "192.168.1.7:7463"])
def test_addresses_and_localhost_are_asked_for_the_page(guard, host):
    guard.check({"Host": host})


@pytest.mark.parametrize(
    "host", ["evil.example:7463", "localhost.evil.example", "127.0.0.1.evil.example", ""]
)
def test_a_name_that_somebody_has_led_here_is_not(guard, host):
    """DNS rebinding."""
    assert refused(guard.check, {"Host": host}) == 421


def test_a_name_that_the_page_was_put_at_is_asked_for():
    Guard("lab.example").check({"Host": "lab.example:80"})


def test_another_sites_page_may_link_here_and_load_nothing(guard):
    headers = {"Host": OWN, "Sec-Fetch-Site": "cross-site"}
    assert refused(guard.check, {**headers, "Sec-Fetch-Mode": "no-cors"}) == 403
    assert refused(guard.check, {"Host": OWN, "Origin": "http://evil.example"}) == 403
    assert refused(guard.check, {"Host": OWN, "Origin": "null"}) == 403
    guard.check({**headers, "Sec-Fetch-Mode": "navigate"})
    guard.check({"Host": OWN, "Origin": f"http://{OWN}", "Sec-Fetch-Site": "same-origin"})


def test_a_command_wants_the_token_json_and_this_page(guard):
    good = {"X-Journey-Token": guard.token}
    guard.check_command(good, "application/json")
    assert refused(guard.check_command, {}, "application/json") == 403
    assert refused(guard.check_command, {"X-Journey-Token": "ü"}, "application/json") == 403
    assert refused(guard.check_command, good, "text/plain") == 415
    assert refused(guard.check_command, {**good, "Sec-Fetch-Site": "same-site"}, "application/json") == 403


def test_every_world_has_a_token_of_its_own():
    assert Guard("x").token != Guard("x").token


def test_the_page_loads_nothing_from_elsewhere():
    assert HEADERS["Content-Security-Policy"].startswith("default-src 'self';")
