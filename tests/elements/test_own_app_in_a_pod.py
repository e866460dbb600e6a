"""Apps of one's own as the kubelet runs them: from a manifest to a pod that serves, or says why it does not."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import load_world
from orchestrator.simulation import simulate
from tests.elements.node_bed import Bed
from tests.elements.test_own_app import HELLO
from tests.house.rooms import ROOT

APP = {"name": "app", "image": "asyncio://hello_app:app", "ports": [{"name": "http", "containerPort": 8000}]}
PROBE = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    apps = tmp_path / "apps"
    apps.mkdir()
    (apps / "hello_app.py").write_text(HELLO)
    return Bed(tmp_path, apps=str(apps))


def container(**changed: Any) -> dict[str, Any]:
    return {**APP, "env": [{"name": "GREETING", "value": "$(BACK_SERVICE_HOST)"}], **changed}


def log_of(bed: Bed, name: str = "web") -> str:
    assert bed.directory is not None
    return "".join(
        path.read_text() for path in sorted(bed.directory.glob(f"logs/pods/default_{name}_*/*/*.log"))
    )


def test_a_pod_with_an_app_becomes_ready_by_its_probe_and_is_stopped_in_order(bed: Bed):
    async def story(bed: Bed) -> None:
        await bed.create(
            container=container(readinessProbe=PROBE, livenessProbe={"tcpSocket": {"port": 8000}})
        )
        await bed.until_ready()
        status = (await bed.status())["containerStatuses"][0]
        assert status["image"] == "asyncio://hello_app:app"
        assert (
            'Pulled: Container image "asyncio://hello_app:app" already present on machine'
            in await bed.events()
        )
        await bed.net.host("tester").call("web", "flush_logs")
        assert "stdout F served 1" in log_of(bed)
        await bed.client.delete("Pod", "web", "default")
        await bed.until_gone(limit_s=5)
        bed.clean()

    bed.play(story)


def test_the_environment_tells_of_services(bed: Bed):
    async def story(bed: Bed) -> None:
        spec = {"selector": {"app": "back"}, "ports": [{"name": "http", "port": 80}]}
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "back-end", "namespace": "default"},
        }
        made = await bed.client.create("Service", {**service, "spec": spec})
        await bed.sleep(0.5)
        told = "echo $BACK_END_SERVICE_HOST:$BACK_END_SERVICE_PORT_HTTP; sleep 9"
        for name, links in (("with", True), ("without", False)):
            command = {"image": "busybox", "command": ["sh", "-c", told]}
            await bed.create(name, container=command, enableServiceLinks=links)
        await bed.sleep(8)
        assert f"stdout F {made['spec']['clusterIP']}:80" in log_of(bed, "with")
        assert "stdout F :\n" in log_of(bed, "without")

    bed.play(story)


def test_what_cannot_be_imported_is_a_crash_loop_that_says_why(bed: Bed):
    async def story(bed: Bed) -> None:
        await bed.create(container=container(image="asyncio://shopp:app"))

        async def backs_off() -> bool:
            status = (await bed.status()).get("containerStatuses", [{}])[0]
            waiting = status.get("state", {}).get("waiting", {})
            return waiting.get("reason") == "CrashLoopBackOff" and status["restartCount"] == 2

        await bed.until(backs_off)
        last = (await bed.status())["containerStatuses"][0]["lastState"]["terminated"]
        assert (last["reason"], last["exitCode"]) == ("StartError", 128)
        assert last["message"].startswith(
            "failed to start app shopp:app: there is no module shopp: neither in "
        )
        assert any("Error: failed to start app shopp:app" in event for event in await bed.events())

    bed.play(story)
    assert "stderr F there is no module shopp: neither in " in log_of(bed)


@pytest.mark.parametrize(("policy", "shown"), [("FallbackToLogsOnError", True), ("File", False)])
def test_what_fails_as_it_starts_is_described_where_that_is_wanted(bed: Bed, policy: str, shown: bool):
    assert bed.directory is not None
    code = "def app():\n    raise OSError('the shop has burnt down')\n"
    (bed.directory / "apps" / "burnt_app.py").write_text(code)

    async def story(bed: Bed) -> None:
        image = "asyncio://burnt_app:app"
        await bed.create(container=container(image=image, terminationMessagePolicy=policy))

        async def ended() -> bool:
            return bool((await bed.status()).get("containerStatuses", [{}])[0].get("lastState"))

        await bed.until(ended)
        last = (await bed.status())["containerStatuses"][0]["lastState"]["terminated"]
        assert (last["reason"], last["exitCode"]) == ("Error", 1)
        assert ("OSError: the shop has burnt down" in last.get("message", "")) == shown

    bed.play(story)


@pytest.mark.parametrize("image", ["asyncio://shop", "asyncio://shop:app:1.0", "asyncio://shop.py"])
def test_a_reference_that_is_none_is_an_invalid_image_name(bed: Bed, image: str):
    async def story(bed: Bed) -> None:
        await bed.create(container=container(image=image))
        await bed.sleep(2)
        waiting = (await bed.status())["containerStatuses"][0]["state"]["waiting"]
        assert waiting["reason"] == "InvalidImageName"
        assert "asyncio:// is followed by module:attribute, such as asyncio://shop:app" in waiting["message"]

    bed.play(story)


def test_an_app_that_hangs_is_started_again_by_its_liveness_probe(bed: Bed):
    async def story(bed: Bed) -> None:
        await bed.create(container=container(livenessProbe={**PROBE, "failureThreshold": 2}))
        await bed.until_ready()
        await bed.net.host("tester").call("web", "set", stall="on")

        async def restarted() -> bool:
            return bool((await bed.status())["containerStatuses"][0]["restartCount"])

        await bed.until(restarted, limit_s=60)

    bed.play(story)


def simulated(seed: int) -> dict[str, Any]:
    world = load_world(ROOT / "configs" / "own-app.yaml")
    url = "https://packet-journey.com/items/bread"
    return simulate(world.model_copy(update={"url": url}), seed=seed, duration_s=0.5)


def test_the_example_world_answers_and_equal_seeds_give_equal_journals():
    one, two = simulated(1), simulated(1)
    assert one["journal_hash"] == two["journal_hash"]
    kinds = {record["kind"] for record in one["journal"]}
    assert {"app.request", "app.answer", "nginx.answer"} <= kinds
    assert all(record["status"] == 200 for record in one["journal"] if record["kind"] == "app.answer")
