"""Stickiness: clients that come back to the same target, or the same target group, by cookies."""

import asyncio

import pytest

from actors.protocols.sticky_cookies import Seal
from tests.elements.alb_bed import BALANCER_ARN, Bed, forward, say, target

STICKY = {"stickiness.enabled": "true", "stickiness.lb_cookie.duration_seconds": "100"}
APPLICATION = {
    "stickiness.enabled": "true",
    "stickiness.type": "app_cookie",
    "stickiness.app_cookie.cookie_name": "session",
}


class Browser:
    """A client that keeps cookies; `cookies` are those that it has."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.cookies: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def get(self) -> int:
        """The status of the answer."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        field = f"Cookie: {cookie}\r\n" if cookie else ""
        response = await self.bed.ask(f"GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n".encode())
        lines = [line.decode() for line in response.lines]
        self.set_cookies = [line[12:].strip() for line in lines if line.lower().startswith("set-cookie: ")]
        for cookie in self.set_cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        return response.status


def served(bed: Bed) -> list[int]:
    return [len(bed.target(number).requests) for number in range(len(bed.addresses))]


def test_the_load_balancers_cookies_look_like_awss(tmp_path):
    bed = Bed(tmp_path, group_attributes=STICKY)
    browser = Browser(bed)
    bed.run(browser.get())
    plain, cross_origin = browser.set_cookies
    value = browser.cookies["AWSALB"]
    assert len(value) == 128
    date = plain.partition("Expires=")[2].partition(";")[0]
    assert plain == f"AWSALB={value}; Expires={date}; Path=/"
    assert cross_origin == f"AWSALBCORS={value}; Expires={date}; Path=/; SameSite=None; Secure"


def test_a_browser_comes_back_to_the_same_target_and_others_do_not(tmp_path):
    bed = Bed(tmp_path, targets=3, group_attributes=STICKY)

    async def story():
        browsers = [Browser(bed) for _ in range(3)]
        for browser in browsers:
            for _ in range(4):
                await browser.get()
                await asyncio.sleep(60)  # each answer renews the duration

    bed.run(story())
    assert served(bed) == [4, 4, 4]
    assert bed.metric("journey_alb_non_sticky_requests_total") == 3


def test_the_duration_counts_and_not_the_cookies_expiry(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes=STICKY)

    async def story():
        browser = Browser(bed)
        await browser.get()
        await asyncio.sleep(102)
        await browser.get()

    bed.run(story())
    assert served(bed) == [1, 1]


def test_a_cookie_for_a_target_that_is_draining_or_gone_gives_way_to_a_new_one(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes=STICKY)

    async def story():
        browser = Browser(bed)
        await browser.get()
        bed.deregister("10.0.0.20:80")
        await asyncio.sleep(0.1)
        for _ in range(3):
            await browser.get()
        bed.register("10.0.0.20:80")
        await asyncio.sleep(0.1)
        await browser.get()

    bed.run(story())
    assert served(bed) == [1, 4]


@pytest.mark.parametrize("value", ["", "nonsense", "A" * 128, "=" * 128])
def test_a_forged_cookie_is_as_none(tmp_path, value):
    bed = Bed(tmp_path, targets=2, group_attributes=STICKY)

    async def story():
        browser = Browser(bed)
        browser.cookies = {"AWSALB": value}
        assert await browser.get() == 200

    bed.run(story())
    assert bed.metric("journey_alb_non_sticky_requests_total") == 1


def test_every_node_of_a_load_balancer_reads_the_cookies_of_the_others(tmp_path):
    values = []
    for _ in range(2):
        bed = Bed(tmp_path, targets=3, group_attributes=STICKY)
        browser = Browser(bed)
        if values:
            browser.cookies = {"AWSALBCORS": values[0]}
            bed.run(browser.get())
            assert served(bed) == [1, 0, 0]
        else:
            bed.run(browser.get())
        values.append(browser.cookies["AWSALB"])
    assert Seal(BALANCER_ARN + "x").open(values[0].encode(), []) is None


def test_stickiness_of_the_applications_own_cookie(tmp_path):
    bed = Bed(tmp_path, targets=2, group_attributes=APPLICATION)
    plain = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async def story():
        browser = Browser(bed)
        for number in (0, 1):
            bed.target(number).answer = say(plain)
        await browser.get()
        assert browser.set_cookies == []
        for number in (0, 1):
            bed.target(number).answer = say(plain[:-2] + b"Set-Cookie: session=abc; Path=/\r\n\r\n")
        await browser.get()
        assert [cookie.partition("=")[0] for cookie in browser.set_cookies] == ["session", "AWSALBAPP-0"]
        bed.target(1).answer = say(plain)
        for _ in range(3):
            await browser.get()
            assert [cookie.partition("=")[0] for cookie in browser.set_cookies] == ["AWSALBAPP-0"]
        del browser.cookies["session"]  # both have to come back
        await browser.get()

    bed.run(story())
    assert served(bed) == [2, 4]


def test_a_weighted_forward_keeps_a_client_with_its_group(tmp_path):
    action = forward(**{"web-group": 1, "other": 1})
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 100}
    group = {"targets": [target("10.0.0.21:80")]}
    bed = Bed(tmp_path, targets=2, registered=1, default_action=action, groups={"other": group})

    async def story():
        browser = Browser(bed)
        for _ in range(8):
            await browser.get()
        assert sorted(served(bed)) == [0, 8]
        assert [cookie.partition("=")[0] for cookie in browser.set_cookies] == ["AWSALBTG", "AWSALBTGCORS"]
        browser.cookies = {"AWSALBTG": "forged"}
        await browser.get()

    bed.run(story())
    assert bed.log()[-1].split('"')[15] == "AWSALBTGCookieInvalid"


def test_both_kinds_of_stickiness_together(tmp_path):
    action = forward(**{"web-group": 1, "other": 1})
    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 100}
    targets = [target("10.0.0.22:80"), target("10.0.0.23:80")]
    bed = Bed(
        tmp_path,
        targets=4,
        registered=2,
        default_action=action,
        group_attributes=STICKY,
        groups={"other": {"targets": targets, "attributes": STICKY}},
    )

    async def story():
        browser = Browser(bed)
        for _ in range(6):
            await browser.get()
        assert set(browser.cookies) == {"AWSALBTG", "AWSALBTGCORS", "AWSALB", "AWSALBCORS"}

    bed.run(story())
    assert sorted(served(bed)) == [0, 0, 0, 6]
