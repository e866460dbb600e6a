"""Path MTUs: believed for ten minutes, never below 552, and not without end many."""

from actors.protocols.path_mtu import LIFETIME_NS, MAX_DESTINATIONS, UNLIMITED, PathMtus

HERE = b"\x0a\0\0\x01"


def test_a_limit_holds_for_its_lifetime():
    mtus = PathMtus()
    assert mtus.limit(HERE, 0) == UNLIMITED
    assert mtus.learn(HERE, 1400, 0)
    assert mtus.limit(HERE, LIFETIME_NS - 1) == 1400
    assert mtus.limit(HERE, LIFETIME_NS) == UNLIMITED


def test_only_a_smaller_limit_is_news_and_none_is_too_small():
    mtus = PathMtus()
    assert mtus.learn(HERE, 1400, 0)
    assert not mtus.learn(HERE, 1400, 1) and not mtus.learn(HERE, 1500, 1)
    assert mtus.learn(HERE, 0, 1)
    assert mtus.limit(HERE, 2) == 552


def test_the_oldest_destination_gives_way():
    mtus = PathMtus()
    for number in range(MAX_DESTINATIONS + 1):
        mtus.learn(number.to_bytes(4), 1400, 0)
    assert mtus.limit(bytes(4), 1) == UNLIMITED
    assert mtus.limit((1).to_bytes(4), 1) == 1400
