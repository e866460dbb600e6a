"""ipamd's data store and state file: whatever happens, an address is one attachment's, and figures add up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.protocols.instance_types import Limits
from actors.protocols.ipam import state_file
from actors.protocols.ipam.datastore import Assigned, DataStore, Holder, IpamError, Key
from actors.protocols.ipam.settings import Settings
from actors.protocols.ipam.state_file import Allocation, StateFileError
from actors.protocols.ipam.warm_pool import AddEni, AssignAddresses, WarmPool
from actors.units import SECOND


def holder(number: int) -> Holder:
    return Holder(
        Key("aws-cni", f"sandbox-{number}", "eth0"), f"default/pod-{number}", "uid", f"/run/netns/{number}"
    )


class StoreMachine(RuleBasedStateMachine):
    """Attachments come and go on ENIs that come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.store = DataStore()
        self.now_ns = 0
        self.has: dict[int, Assigned] = {}
        self.released: dict[str, int] = {}
        self.store.add_eni("eni-0", 0, "10.0.0.10", 0)

    @rule(seconds=st.integers(0, 20))
    def wait(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @rule(last=st.integers(20, 40))
    def add_address(self, last: int) -> None:
        try:
            self.store.add_address("eni-0", f"10.0.0.{last}")
        except IpamError:
            assert f"10.0.0.{last}" in self.store.enis["eni-0"].addresses

    @rule(last=st.integers(4, 6))
    def add_prefix(self, last: int) -> None:
        try:
            self.store.add_prefix("eni-0", f"10.0.0.{16 * last}/28")
        except IpamError:
            assert f"10.0.0.{16 * last}/28" in self.store.enis["eni-0"].prefixes

    @rule(number=st.integers(0, 50))
    def assign(self, number: int) -> None:
        given = self.store.assign(holder(number), self.now_ns)
        if number in self.has:
            assert given == self.has[number]
        elif given is not None:
            assert given not in self.has.values()
            assert self.now_ns >= self.released.get(given.address, -30 * SECOND) + 30 * SECOND
            self.has[number] = given
        else:
            stats = self.store.stats(self.now_ns)
            assert stats.available == stats.cooling

    @rule(number=st.integers(0, 50))
    def release(self, number: int) -> None:
        assert self.store.release(holder(number).key, self.now_ns) == self.has.get(number)
        if number in self.has:
            self.released[self.has.pop(number).address] = self.now_ns

    @precondition(lambda self: self.store.removable_addresses(self.store.enis["eni-0"], self.now_ns))
    @rule()
    def remove(self) -> None:
        address = self.store.removable_addresses(self.store.enis["eni-0"], self.now_ns)[0]
        self.store.remove_address("eni-0", address)
        self.released.pop(address, None)

    @invariant()
    def figures_add_up(self) -> None:
        stats = self.store.stats(self.now_ns)
        assert stats.assigned == len(self.has) == len(self.store.holders())
        assert stats.total == sum(1 for _ in self.store.enis["eni-0"].all())
        assert 0 <= stats.cooling <= stats.available

    @invariant()
    def the_file_says_the_same(self) -> None:
        pairs = self.store.holders()
        allocations = [state_file.allocation(one, assigned, 7) for one, assigned in pairs]
        text = state_file.encode(allocations, self.released)
        assert state_file.decode(text) == (
            [Allocation(one, assigned.address, 7) for one, assigned in pairs],
            self.released,
        )


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


@given(st.text() | st.sampled_from(["{}", "[]", '{"version":"x","allocations":[]}', "[" * 100_000]))
def test_what_is_no_state_file_is_refused(text: str):
    with pytest.raises(StateFileError):
        state_file.decode(text)


def test_a_state_file_with_half_an_allocation_is_refused():
    text = '{"version": "vpc-cni-ipam/1", "allocations": [{"networkName": "aws-cni", "metadata": {}}]}'
    with pytest.raises(StateFileError, match="lacks"):
        state_file.decode(text)


def test_enis_and_addresses_with_pods_are_not_removed_unless_forced():
    store = DataStore()
    store.add_eni("eni-0", 0, "10.0.0.10", 0)
    store.add_address("eni-0", "10.0.0.20")
    store.add_prefix("eni-0", "10.0.0.32/28")
    store.assign(holder(1), 0)
    store.assign(holder(2), 0)
    with pytest.raises(IpamError, match="used by default/pod-1"):
        store.remove_address("eni-0", "10.0.0.20")
    with pytest.raises(IpamError, match="has 2 pods"):
        store.remove_eni("eni-0")
    with pytest.raises(IpamError, match="used by 1 pods"):
        store.remove_prefix("eni-0", "10.0.0.32/28")
    assert store.remove_address("eni-0", "10.0.0.20", force=True) == holder(1)
    assert store.remove_eni("eni-0", force=True) == [holder(2)]
    assert store.holders() == []


@given(
    st.integers(2, 8),
    st.integers(2, 15),
    st.integers(1, 3),
    st.none() | st.integers(0, 12),
    st.none() | st.integers(0, 40),
    st.booleans(),
    st.integers(0, 60),
)
def test_a_pool_comes_to_rest_within_its_limits(
    interfaces: int,
    addresses: int,
    warm_eni: int,
    warm_ip: int | None,
    minimum: int | None,
    prefixes: bool,
    pods: int,
):
    """Growing ends; then nothing is given back that would have to be fetched again.

    With WARM_ENI_TARGET=0 that is not so: the real one, too, frees an idle ENI and fetches it again."""
    settings_ = Settings(warm_eni, warm_ip, minimum, None, prefixes, 1, 110)
    pool, store = WarmPool(Limits(interfaces, addresses), settings_), DataStore(0)
    store.add_eni("eni-0", 0, "10.0.0.10", 0)
    fresh, now_ns = 0, 3600 * SECOND
    for number in range(pods):
        store.assign(holder(number), now_ns)
    for _ in range(200):
        step = pool.growth(store, now_ns)
        if step is None:
            break
        eni = step.eni if isinstance(step, AssignAddresses) else f"eni-{step.device}"
        if isinstance(step, AddEni):
            store.add_eni(eni, step.device, f"10.9.0.{step.device}", 0)
        for _ in range(step.number):
            fresh += 1
            if prefixes:
                store.add_prefix(eni, f"10.{fresh // 256}.{fresh % 256}.0/28")
            else:
                store.add_address(eni, f"10.{fresh // 256}.{fresh % 256}.1")
        for number in range(pods):
            store.assign(holder(number), now_ns)
        assert len(store.enis) <= interfaces
        assert all(each.slots_used <= pool.slots for each in store.enis.values())
    assert pool.growth(store, now_ns) is None
    for round_ in pool.shrinkage(store, now_ns):
        for each in round_.addresses:
            (store.remove_prefix if prefixes else store.remove_address)(round_.eni, each)
    if (idle := pool.idle_eni(store, now_ns)) is not None:
        store.remove_eni(idle.eni)
    assert pool.growth(store, now_ns) is None, "what was given back is wanted again"
