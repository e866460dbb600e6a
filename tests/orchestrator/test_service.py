import asyncio
import os

import pytest

from orchestrator import operations
from orchestrator.control.api import API_SOCKET, LOAD_SOCKET, USAGE, Client, RequestFailed
from orchestrator.control.service import Service
from orchestrator.journal.journey import Journey
from tests.orchestrator.fake_world import FakeWorld
from tests.orchestrator.synthetic import EXPECTED_HOPS


@pytest.fixture
async def served(tmp_path, monkeypatch):
    """A service behind its socket; gives it with a function that runs a blocking client beside it."""
    monkeypatch.setattr(operations, "POLL_S", 0)
    service = Service(FakeWorld(directory=tmp_path))
    server = service.server()
    await server.start()
    client = Client(tmp_path / API_SOCKET)

    async def ask(work):
        return await asyncio.to_thread(work, client)

    yield service, ask
    await server.close()


async def test_a_journey_comes_whole_through_the_socket(served):
    _, ask = served
    journey = Journey.unpack(await ask(lambda client: client.request("trace")))
    assert journey.hops == EXPECTED_HOPS
    assert journey.tiers[0].name == "home"


async def test_load_comes_as_it_is_counted(served):
    _, ask = served
    seen = await ask(lambda client: list(client.stream("load", stages=[{"users": 2, "duration_s": 3}])))
    assert [status["elapsed_s"] for status in seen] == [1, 2, 3]


async def test_a_client_that_hangs_up_stops_the_load(served):
    service, ask = served

    def one_look(client):
        stream = client.stream("load", stages=[{"users": 2, "duration_s": 1e9}])
        next(stream)
        stream.close()

    await ask(one_look)
    async with asyncio.timeout(5):
        while service._world.calls[-1][1] != "load_stop":
            await asyncio.sleep(0)


async def test_a_load_is_changed_from_another_terminal(served, tmp_path):
    service, ask = served
    with pytest.raises(RequestFailed, match="no load is running in this world"):
        await ask(lambda client: client.request("load_change", do="pause"))
    async with service.loads.server(tmp_path):

        def changed(client):
            stream = client.stream("load", stages=[{"rate": 2, "duration_s": 1e9}])
            next(stream)
            told = client.request("load_change", do="pause")["what"]
            own = Client(tmp_path / LOAD_SOCKET)  # as of a world that is for one command only
            assert own.request("loads") == 1
            own.request("load_change", do="set", rate=800)
            with pytest.raises(RequestFailed, match="the load is not paused") as refused:
                client.request("load_change", do="resume")
            status = next(status for status in stream if len(status["changes"]) == 2)
            stream.close()
            return told, refused.value.code, [change["what"] for change in status["changes"]]

        assert await ask(changed) == ("load: pause", 2, ["load: pause", "load: set"])


async def test_frames_come_as_pcapng(served):
    _, ask = served
    pieces = await ask(lambda client: list(client.stream("capture", until_fetched=True)))
    assert pieces[-1]["frames"] == 2


async def test_what_is_wrong_comes_with_its_exit_code(served):
    _, ask = served
    for arguments in ({"element": "labtop"}, {"nonsense": 1}):
        with pytest.raises(RequestFailed) as raised:
            await ask(lambda client, arguments=arguments: client.request("trace", **arguments))
        assert raised.value.code == USAGE
    with pytest.raises(RequestFailed, match="did you mean 'vpc'"):
        await ask(lambda client: client.request("call", element="vpcc", verb="x", arguments={}))


async def test_down_is_heard(served, tmp_path):
    service, ask = served
    told = await ask(lambda client: client.request("down"))
    assert told == {"directory": str(tmp_path), "pid": os.getpid()}
    assert service.down.is_set()
