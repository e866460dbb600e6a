"""SYN cookies: what comes back is recognised, what is made up is not."""

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.tcp.cookies import PERIOD_NS, SynCookies
from actors.protocols.tcp.sequence import MASK

COOKIES = SynCookies(b"sixteen bytes of")
WHO = bytes(12)
NUMBERS = st.integers(0, MASK)


@given(
    sequence=NUMBERS,
    mss=st.integers(0, 65_535),
    now_ns=st.integers(0, 1 << 60),
    later=st.integers(0, PERIOD_NS),
)
def test_a_cookie_comes_back(sequence: int, mss: int, now_ns: int, later: int):
    cookie = COOKIES.make(WHO, sequence, mss, now_ns)
    told = COOKIES.mss_of(WHO, sequence, cookie, now_ns + later)
    assert told == max((each for each in (536, 1300, 1440, 1460) if each <= mss), default=536)


def test_a_cookie_of_long_ago_is_refused():
    cookie = COOKIES.make(WHO, 1, 1460, 0)
    assert COOKIES.mss_of(WHO, 1, cookie, 2 * PERIOD_NS) is None


def test_a_cookie_is_for_one_connection_and_one_secret():
    cookie = COOKIES.make(WHO, 1, 1460, 0)
    assert COOKIES.mss_of(WHO, 1, cookie, 0) == 1460
    assert COOKIES.mss_of(b"another one.", 1, cookie, 0) is None
    assert COOKIES.mss_of(WHO, 1 << 28, cookie, 0) is None
    assert SynCookies(b"another secret").mss_of(WHO, 1, cookie, 0) is None


def test_guesses_hardly_ever_work():
    assert sum(COOKIES.mss_of(WHO, 1, guess * 40_503, 0) is not None for guess in range(10_000)) <= 1
