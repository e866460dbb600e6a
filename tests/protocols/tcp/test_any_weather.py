"""Over any link the stream arrives whole and in order, or the connection fails with the right error, in good time."""

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.protocols.tcp import State, TcpSettings
from tests.protocols.tcp.weather import Link, Weather

WEATHERS = st.builds(
    Weather,
    loss=st.sampled_from([0.0, 0.01, 0.05, 0.2]),
    twice=st.sampled_from([0.0, 0.02, 0.3]),
    rtt_ms=st.sampled_from([0.5, 10, 80]),
    jitter_ms=st.sampled_from([0, 2, 30]),
    cut_after=st.sampled_from([None, None, None, 2, 5, 40]),
)
SETTINGS = st.builds(
    TcpSettings,
    receive_buffer_bytes=st.sampled_from([3_000, 20_000, 131_072]),
    congestion_control=st.sampled_from(["cubic", "reno"]),
    sack=st.booleans(),
    timestamps=st.booleans(),
    early_retransmit=st.booleans(),
    window_scale=st.sampled_from([None, 2, 7]),
    retries=st.just(8),
    syn_retries=st.just(5),
)


@given(
    weather=WEATHERS, seed=st.integers(0, 1 << 32), ours=SETTINGS, theirs=SETTINGS,
    up=st.integers(0, 60_000), down=st.integers(0, 60_000),
)  # fmt: skip
@settings(max_examples=250, deadline=None)
def test_the_stream_arrives_whole_or_the_connection_fails(
    weather: Weather, seed: int, ours: TcpSettings, theirs: TcpSettings, up: int, down: int
):
    link = Link(weather, seed, ours, replace(theirs, retries=8)).open()
    client, server = link.client, link.server
    request, response = Random(seed).randbytes(up), Random(seed + 1).randbytes(down)
    client.connection.send(request, 0)
    answered = closed = False

    def step() -> bool:
        nonlocal answered, closed
        if not answered and server.connection.state is State.ESTABLISHED:
            answered = True
            server.connection.send(response, link.now_ns)
            server.connection.shut_writing(link.now_ns)
        if client.ended and not closed and client.connection.state is State.CLOSE_WAIT:
            closed = True
            client.connection.shut_writing(link.now_ns)
        return client.connection.state is server.connection.state is State.CLOSED

    link.run_until(step, 4000)  # 9 timeouts of up to 120 s each, in both directions one after the other
    assert request.startswith(bytes(server.received))
    assert response.startswith(bytes(client.received))
    whole = server.received == request and client.received == response
    errors = [peer.error for peer in (client, server) if peer.error is not None]
    assert all(isinstance(error, TimeoutError | ConnectionResetError) for error in errors)
    if weather.cut_after is None and weather.loss <= 0.05:
        assert whole
        assert not errors
    assert whole or errors
