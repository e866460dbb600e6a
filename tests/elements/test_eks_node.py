"""A node on the virtual clock, against the real API server: pods start, fail, are probed and go as a kubelet has it."""

import signal
from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from actors.eks_node import Config
from actors.element import CallFailed
from actors.parts.kubelet.sandboxes import STOP_S
from actors.parts.kubernetes.informer import Informer
from actors.protocols.kubelet.node_object import CNI_NOT_READY
from actors.runtime.virtual_host import VirtualHost
from tests.elements.node_bed import Bed, Object, condition, pod

SH: Object = {"name": "c", "image": "busybox", "imagePullPolicy": "IfNotPresent"}


def shell(text: str, **changed: Any) -> Object:
    return {**SH, "command": ["sh", "-c", text], **changed}


def state(status: Object, name: str | None = None, of: str = "containerStatuses") -> str:
    """A container's state in a word or two: `running`, `waiting ErrImagePull`, `terminated Error 1`."""
    found = next(each for each in status[of] if name in (None, each["name"]))
    ((kind, told),) = found["state"].items()
    return " ".join(map(str, [kind, *(told[key] for key in ("reason", "exitCode") if key in told)]))


class Follower:
    """All versions of the pods, as a watch tells them."""

    def __init__(self, bed: Bed) -> None:
        self.seen: list[Object] = []
        informer = Informer(bed.net.host("tester"), bed.client, "Pod", self._changed)
        informer.start()

    def _changed(self, before: Object | None, now: Object | None) -> None:
        if now is not None:
            self.seen.append(now)


# ---- starting ----------------------------------------------------------------------------------------------


def test_a_pod_starts_in_order_with_few_writes():
    async def story(bed: Bed) -> None:
        follower = Follower(bed)
        readiness = {"httpGet": {"path": "/", "port": "http"}}
        await bed.create(container={"readinessProbe": readiness})
        await bed.until_ready()
        await bed.sleep(30)
        told = [
            (
                each["status"]["phase"],
                state(each["status"]) if "containerStatuses" in each["status"] else None,
                "podIP" in each["status"],
                *(
                    condition(each["status"], kind)
                    for kind in ("Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready")
                ),
            )
            for each in follower.seen
        ]
        assert told == [
            ("Pending", None, False, None, None, None, None),
            ("Pending", "waiting ContainerCreating", False, "True", "False", "False", "False"),
            ("Pending", "waiting ContainerCreating", True, "True", "True", "False", "False"),
            ("Running", "running", True, "True", "True", "False", "False"),
            ("Running", "running", True, "True", "True", "True", "True"),
        ]

    Bed().play(story)


def test_a_sandbox_that_comes_up_too_late_is_ended_and_another_is_begun(monkeypatch):
    """A node with hundreds of pods asks for them all at once: what has waited too long must not stand in the way."""
    launch, late = VirtualHost.launch, []

    async def slow(self: VirtualHost, name: str, *arguments: Any, **more: Any) -> None:
        await launch(self, name, *arguments, **more)
        if not late:
            late.append(name)
            raise CallFailed("orchestrator: no answer to 'launch' within 120 s")

    monkeypatch.setattr(VirtualHost, "launch", slow)

    async def story(bed: Bed) -> None:
        await bed.create()
        await bed.until_ready()
        (event,) = [each for each in await bed.events() if each.startswith("FailedCreatePodSandBox")]
        assert "failed to create containerd task: orchestrator: no answer to 'launch' within 120 s" in event
        assert len(late) == 1 and late[0] in bed.net.hosts

    Bed().play(story)


def test_its_status_when_it_runs():
    async def story(bed: Bed) -> None:
        created = await bed.create()
        await bed.until_ready()
        status = await bed.status()
        (container,) = status.pop("containerStatuses")
        since = {each.pop("type"): each.pop("lastTransitionTime") for each in status.pop("conditions")}
        assert sorted(since) == [
            "ContainersReady", "Initialized", "PodReadyToStartContainers", "PodScheduled", "Ready",
        ]  # fmt: skip
        assert status == {
            "phase": "Running",
            "qosClass": "BestEffort",
            "hostIP": "10.0.10.10",
            "hostIPs": [{"ip": "10.0.10.10"}],
            "podIP": "10.0.10.20",
            "podIPs": [{"ip": "10.0.10.20"}],
            "startTime": "2026-01-01T00:00:00Z",
        }
        assert len(container["containerID"]) == len("containerd://") + 64
        assert container["imageID"].startswith("docker.io/library/nginx@sha256:")
        for key in ("containerID", "imageID"):
            del container[key]
        assert container == {
            "name": "nginx",
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            "lastState": {},
            "ready": True,
            "started": True,
            "restartCount": 0,
            "image": "docker.io/library/nginx:1.27",
        }
        assert await bed.events() == [
            'Pulled: Container image "nginx:1.27" already present on machine',
            "Created: Created container: nginx",
            "Started: Started container nginx",
        ]
        told = (await bed.net.host("tester").call("node-1", "inspect"))["pods"]["default/web"]
        assert told["ip"] == "10.0.10.20" and told["process"] == "web"
        assert told["uid"] == created["metadata"]["uid"]

    Bed().play(story)


def test_a_pod_of_another_namespace_has_a_process_of_another_name():
    async def story(bed: Bed) -> None:
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
        await bed.client.create("Namespace", space)
        wanted = pod("web.v1-" + "x" * 80)
        wanted["metadata"]["namespace"] = "shop"
        await bed.client.create("Pod", wanted)
        await bed.sleep(0.1)
        (process,) = bed.net.host("node-1").children
        assert process.startswith("shop--web-v1-xxx") and len(process) == 63

    Bed().play(story)


def test_containers_start_one_after_the_other_and_share_the_network():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[{"name": "nginx", "image": "nginx"}, shell("sleep infinity")])
        await bed.sleep(1)
        status = await bed.status()
        assert (status["phase"], state(status, "nginx"), state(status, "c")) == (
            "Pending", "running", "waiting ContainerCreating",
        )  # fmt: skip
        took = await bed.until_ready()
        assert took == pytest.approx(3.4, abs=0.2), "0.4 s to resolve nginx:latest, 3 s to pull busybox"
        assert [each for each in await bed.events() if "ull" in each] == [
            'Pulling: Pulling image "nginx"',
            'Pulled: Successfully pulled image "nginx" in 400ms (400ms including waiting). Image size: 72950530 bytes.',
            'Pulling: Pulling image "busybox"',
            'Pulled: Successfully pulled image "busybox" in 3s (3s including waiting). Image size: 72950530 bytes.',
        ]

    Bed().play(story)


def test_a_failed_add_is_told_and_tried_again():
    async def story(bed: Bed) -> None:
        bed.plugin.refusal = "add cmd: failed to assign an IP address to container"
        await bed.create()
        await bed.sleep(1)
        (told,) = await bed.events()
        assert told.startswith(
            "FailedCreatePodSandBox: Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup "
            'network for sandbox "'
        )
        assert told.endswith(
            '": plugin type="aws-cni" name="aws-cni" failed (add): '
            "add cmd: failed to assign an IP address to container"
        )
        status = await bed.status()
        assert (status["phase"], state(status)) == ("Pending", "waiting ContainerCreating")
        assert bed.plugin.requests == [("ADD", "default/web"), ("DEL", "default/web")]
        bed.clean()
        bed.plugin.refusal = None
        assert 10 <= await bed.until_ready() <= 15.2

    Bed().play(story)


def test_without_a_cni_plugin_the_node_is_not_ready_and_pods_wait():
    async def story(bed: Bed) -> None:
        bed.plugin.ready = False
        await bed.sleep(20)
        node = await bed.client.get("Node", "node-1")
        (ready,) = (each for each in node["status"]["conditions"] if each["type"] == "Ready")
        assert (ready["status"], ready["reason"], ready["message"]) == (
            "False", "KubeletNotReady", CNI_NOT_READY,
        )  # fmt: skip
        await bed.create()
        await bed.sleep(5)
        assert await bed.events() == [f"NetworkNotReady: network is not ready: {CNI_NOT_READY}"]
        bed.plugin.ready = True
        began = bed.now_s
        assert await bed.until_ready() - began < 0.3
        assert condition((await bed.client.get("Node", "node-1"))["status"], "Ready") == "True"

    Bed().play(story)


# ---- images ------------------------------------------------------------------------------------------------


def test_an_image_that_is_not_there():
    async def story(bed: Bed) -> None:
        await bed.create(container={"image": "ngnix:1.27"})
        await bed.sleep(0.6)
        name = "docker.io/library/ngnix:1.27"
        error = (
            f'rpc error: code = Unknown desc = failed to pull and unpack image "{name}": failed to resolve reference '
            f'"{name}": pull access denied, repository does not exist or may require authorization: server message: '
            "insufficient_scope: authorization failed"
        )
        assert (await bed.status())["containerStatuses"][0]["state"] == {
            "waiting": {"reason": "ErrImagePull", "message": error}
        }
        await bed.sleep(1)
        assert state(await bed.status()) == "waiting ImagePullBackOff"
        assert await bed.events() == [
            'Pulling: Pulling image "ngnix:1.27"',
            f'Failed: Failed to pull image "ngnix:1.27": {error}',
            "Failed: Error: ErrImagePull",
            'BackOff: Back-off pulling image "ngnix:1.27"',
            "Failed: Error: ImagePullBackOff",
        ]
        await bed.sleep(100)
        pulls = bed.records("nothing")
        assert pulls == []
        await bed.client.delete("Pod", "web", "default")
        await bed.until_gone()
        bed.clean()

    Bed().play(story)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"image": "busybox", "imagePullPolicy": "Never"}, "ErrImageNeverPull"),
        ({"image": "Nginx:1"}, "InvalidImageName"),
    ],
)
def test_images_that_will_never_do(changed: Object, reason: str):
    async def story(bed: Bed) -> None:
        await bed.create(container=changed)
        await bed.sleep(30)
        assert state(await bed.status()) == f"waiting {reason}"
        assert len(await bed.events()) == 2

    Bed().play(story)


# ---- ends and restarts -------------------------------------------------------------------------------------


def test_a_container_that_crashes_waits_longer_each_time():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell("sleep 1; exit 3")])
        await bed.sleep(30)
        status = await bed.status()
        assert (status["phase"], state(status)) == ("Running", "waiting CrashLoopBackOff")
        (container,) = status["containerStatuses"]
        uid = (await bed.pod() or {})["metadata"]["uid"]
        assert container["state"]["waiting"]["message"] == (
            f"back-off 20s restarting failed container=c pod=web_default({uid})"
        )
        assert container["lastState"]["terminated"]["exitCode"] == 3
        assert container["lastState"]["terminated"]["reason"] == "Error"
        assert container["restartCount"] == 2
        told = f"BackOff: Back-off restarting failed container c in pod web_default({uid}) (x2)"
        assert told in await bed.events()
        await bed.sleep(400)
        starts = [each["t_ns"] / 1e9 for each in bed.records("pod.container") if each["what"] == "started"]
        waits = [round(two - one - 1) for one, two in pairwise(starts)]
        assert waits == [0, 10, 20, 40, 80, 160]

    Bed().play(story)


def test_the_wait_is_over_when_it_has_run_well_for_ten_minutes():
    async def story(bed: Bed) -> None:
        text = "sleep 700; exit 1"
        await bed.create(containers=[shell(text)])
        await bed.sleep(2900)
        starts = [each["t_ns"] / 1e9 for each in bed.records("pod.container") if each["what"] == "started"]
        assert [round(two - one) for one, two in pairwise(starts)] == [700, 700, 700, 700]

    Bed().play(story)


@pytest.mark.parametrize(
    ("policy", "text", "phase", "container", "restarts"),
    [
        ("Never", "exit 0", "Succeeded", "terminated Completed 0", 0),
        ("Never", "exit 3", "Failed", "terminated Error 3", 0),
        ("OnFailure", "exit 0", "Succeeded", "terminated Completed 0", 0),
        ("OnFailure", "exit 3", "Running", "waiting CrashLoopBackOff", 1),
        ("Always", "exit 0", "Running", "waiting CrashLoopBackOff", 1),
    ],
)
def test_restart_policies(policy: str, text: str, phase: str, container: str, restarts: int):
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell(text)], restartPolicy=policy)
        await bed.sleep(8)
        status = await bed.status()
        assert (status["phase"], state(status)) == (phase, container)
        assert status["containerStatuses"][0]["restartCount"] == restarts
        if phase in ("Succeeded", "Failed"):
            bed.clean()
            await bed.net.restart("node-1")
            await bed.sleep(1)
            assert await bed.status() == status
            assert bed.plugin.requests == [("ADD", "default/web"), ("DEL", "default/web")]
            reasons = {each.get("reason") for each in status["conditions"] if each["type"] == "Ready"}
            assert reasons == {"PodCompleted" if phase == "Succeeded" else "PodFailed"}
        await bed.client.delete("Pod", "web", "default")
        await bed.until_gone()
        bed.clean()

    Bed().play(story)


def test_a_program_that_is_not_in_the_image():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[{**SH, "command": ["python", "-V"]}])
        await bed.sleep(4)
        (container,) = (await bed.status())["containerStatuses"]
        error = (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
            'runc create failed: unable to start container process: exec: "python": executable file not found in '
            "$PATH: unknown"
        )
        ended = container["lastState"]["terminated"]
        assert (ended["reason"], ended["exitCode"], ended["message"]) == ("StartError", 128, error)
        assert ended["startedAt"] == "1970-01-01T00:00:00Z"
        assert state({"containerStatuses": [container]}) == "waiting CrashLoopBackOff"
        assert f"Failed: Error: {error} (x2)" in await bed.events()

    Bed().play(story)


def test_init_containers_run_one_after_the_other_before_the_others():
    async def story(bed: Bed) -> None:
        first, second = shell("sleep 2", name="first"), shell("sleep 3", name="second")
        await bed.create(initContainers=[first, second])
        await bed.sleep(4)
        status = await bed.status()
        assert state(status, "first", "initContainerStatuses") == "running"
        assert state(status, "second", "initContainerStatuses") == "waiting PodInitializing"
        assert state(status) == "waiting PodInitializing"
        initialized = next(each for each in status["conditions"] if each["type"] == "Initialized")
        assert initialized["message"] == "containers with incomplete status: [first second]"
        assert await bed.until_ready() == pytest.approx(8.1, abs=0.2)
        status = await bed.status()
        assert condition(status, "Initialized") == "True"
        assert [each["ready"] for each in status["initContainerStatuses"]] == [True, True]

    Bed().play(story)


def test_a_failed_init_container_is_tried_again_or_is_the_end():
    async def story(bed: Bed) -> None:
        await bed.create(initContainers=[shell("exit 1", name="first")])
        await bed.create("never", initContainers=[shell("exit 1", name="first")], restartPolicy="Never")
        await bed.sleep(8)
        status = await bed.status()
        assert (status["phase"], state(status, of="initContainerStatuses")) == (
            "Pending", "waiting CrashLoopBackOff",
        )  # fmt: skip
        assert (await bed.status("never"))["phase"] == "Failed"

    Bed().play(story)


def test_a_pod_that_is_active_for_too_long_fails():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell("sleep infinity")], activeDeadlineSeconds=20)
        await bed.sleep(19)
        assert (await bed.status())["phase"] == "Running"
        await bed.sleep(32)
        status = await bed.status()
        assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
        bed.clean()

    Bed().play(story)


def test_a_sidecar_starts_first_and_ends_last():
    async def story(bed: Bed) -> None:
        helper = shell("sleep infinity", name="helper", restartPolicy="Always")
        job = shell("sleep 5", name="job")
        await bed.create(initContainers=[helper], containers=[job], restartPolicy="Never")
        await bed.sleep(5)
        status = await bed.status()
        assert state(status, of="initContainerStatuses") == "running" == state(status)
        assert condition(status, "Initialized") == condition(status, "Ready") == "True"
        await bed.sleep(40)
        status = await bed.status()
        assert status["phase"] == "Succeeded"
        assert state(status, of="initContainerStatuses") == "terminated Error 137"

    Bed().play(story)


def test_a_pod_whose_process_is_killed_gets_another_sandbox():
    async def story(bed: Bed) -> None:
        await bed.create()
        await bed.until_ready()
        before = await bed.status()
        await bed.net.host("node-1").signal("web", signal.SIGKILL)
        await bed.sleep(0.001)
        await bed.until_ready()
        after = await bed.status()
        (container,) = after["containerStatuses"]
        assert container["restartCount"] == 1
        assert container["lastState"]["terminated"]["exitCode"] == 137
        assert (
            container["lastState"]["terminated"]["containerID"]
            == before["containerStatuses"][0]["containerID"]
        )
        assert "SandboxChanged: Pod sandbox changed, it will be killed and re-created." in await bed.events()
        assert bed.plugin.requests == [(verb, "default/web") for verb in ("ADD", "DEL", "ADD")]
        assert len(bed.plugin.given) == 1

    Bed().play(story)


# ---- probes ------------------------------------------------------------------------------------------------


def test_readiness_is_probed_through_the_network():
    async def story(bed: Bed) -> None:
        probe = {
            "httpGet": {"path": "/nowhere", "port": "http"},
            "periodSeconds": 5,
            "initialDelaySeconds": 2,
        }
        await bed.create(container={"readinessProbe": probe})
        await bed.sleep(10)
        status = await bed.status()
        assert (status["phase"], condition(status, "Ready")) == ("Running", "False")
        ready = next(each for each in status["conditions"] if each["type"] == "Ready")
        assert (ready["reason"], ready["message"]) == (
            "ContainersNotReady", "containers with unready status: [nginx]",
        )  # fmt: skip
        failed = "Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404"
        assert (await bed.events())[3:] == [f"{failed} (x2)"]

    bed = Bed().play(story)
    times = [round(each["t_ns"] / 1e9) for each in bed.records("pod.probe")]
    assert times == [2, 7]


@pytest.mark.parametrize(
    ("probe", "output"),
    [
        (
            {"httpGet": {"path": "/", "port": 81}},
            'Get "http://10.0.10.20:81/": dial tcp 10.0.10.20:81: connect: connection refused',
        ),
        ({"tcpSocket": {"port": 81}}, "dial tcp 10.0.10.20:81: connect: connection refused"),
        (
            {"httpGet": {"port": 80}},
            'Get "http://10.0.10.20:80/": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',
        ),
        ({"exec": {"command": ["sh", "-c", "echo not yet; exit 1"]}}, "not yet"),
    ],
)
def test_what_a_failed_probe_says(probe: Object, output: str):
    async def story(bed: Bed) -> None:
        await bed.create(container={"readinessProbe": {**probe, "failureThreshold": 1}})
        await bed.sleep(5)
        assert (await bed.events())[3:] == [f"Unhealthy: Readiness probe failed: {output}"]

    slow = {"present": True, "service_time": {"distribution": "constant", "value": "3s"}}
    Bed(images={"nginx": slow}).play(story)


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"port": "http", "httpHeaders": [{"name": "host", "value": "a.example"}]}},
        {"tcpSocket": {"port": 80}},
        {"exec": {"command": ["true"]}},
    ],
)
def test_what_a_passing_probe_does(probe: Object):
    async def story(bed: Bed) -> None:
        await bed.create(container={"readinessProbe": {**probe, "successThreshold": 3, "periodSeconds": 2}})
        assert await bed.until_ready() == pytest.approx(4.1, abs=0.1)

    Bed().play(story)


def test_a_liveness_probe_that_fails_restarts_the_container():
    async def story(bed: Bed) -> None:
        probe = {"tcpSocket": {"port": 81}, "periodSeconds": 2, "failureThreshold": 2}
        await bed.create(container={"livenessProbe": probe})
        await bed.sleep(3)
        status = await bed.status()
        assert status["containerStatuses"][0]["restartCount"] == 1
        assert state(status) == "running"
        assert "Killing: Container nginx failed liveness probe, will be restarted" in await bed.events()

    Bed().play(story)


def test_a_startup_probe_holds_the_others_back():
    async def story(bed: Bed) -> None:
        container = shell("sleep 3 && exec sleep 100")
        startup = {"exec": {"command": ["false"]}, "periodSeconds": 2, "failureThreshold": 2}
        ready = {"exec": {"command": ["true"]}}
        await bed.create(containers=[{**container, "startupProbe": startup, "readinessProbe": ready}])
        await bed.create(
            "good", containers=[{**container, "startupProbe": ready, "readinessProbe": ready, "name": "d"}]
        )
        await bed.sleep(4)
        (container_status,) = (await bed.status())["containerStatuses"]
        assert (container_status["started"], container_status["ready"]) == (False, False)
        assert await bed.ready("good")
        await bed.sleep(3)
        assert "Killing: Container c failed startup probe, will be restarted" in await bed.events()

    Bed().play(story)


def test_readiness_gates():
    async def story(bed: Bed) -> None:
        gate = "target-health.elbv2.k8s.aws/k8s-default-nginx"
        await bed.create(readinessGates=[{"conditionType": gate}])
        await bed.sleep(1)
        status = await bed.status()
        assert (condition(status, "ContainersReady"), condition(status, "Ready")) == ("True", "False")
        ready = next(each for each in status["conditions"] if each["type"] == "Ready")
        assert (ready["reason"], ready["message"]) == (
            "ReadinessGatesNotReady",
            f'corresponding condition of pod readiness gate "{gate}" does not exist.',
        )
        for value in ("False", "True"):
            patch = {"status": {"conditions": [{"type": gate, "status": value}]}}
            await bed.client.patch("Pod", "web", patch, "default", subresource="status", type="strategic")
            await bed.sleep(0.1)
            status = await bed.status()
            assert (condition(status, gate), condition(status, "Ready")) == (value, value)

    Bed().play(story)


# ---- the end -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "spec", "seconds", "exit_code"),
    [
        ({}, {}, 0, 0),
        ({"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}, {}, 5, 0),
        ({"lifecycle": {"preStop": {"exec": {"command": ["nginx", "-s", "quit"]}}}}, {}, 0, 0),
        ({**shell("sleep infinity")}, {}, 30, 137),
        ({**shell("sleep infinity")}, {"terminationGracePeriodSeconds": 3}, 3, 137),
        (
            {**shell("sleep infinity"), "lifecycle": {"preStop": {"exec": {"command": ["sleep", "20"]}}}},
            {"terminationGracePeriodSeconds": 10},
            12,
            137,
        ),
    ],
)
def test_a_pod_is_stopped_gracefully(changed: Object, spec: Object, seconds: float, exit_code: int):
    async def story(bed: Bed) -> None:
        follower = Follower(bed)
        await bed.create(container={**changed, "name": "nginx"}, **spec)
        await bed.until_ready()
        await bed.client.delete("Pod", "web", "default")
        began = bed.now_s
        assert await bed.until_gone() - began == pytest.approx(seconds + STOP_S, abs=0.1)
        assert (await bed.events())[-1] == "Killing: Stopping container nginx"
        last = follower.seen[-1]["status"]
        assert last["phase"] == ("Failed" if exit_code else "Succeeded")
        assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == exit_code
        assert last["podIP"] == "10.0.10.20"
        bed.clean()

    Bed().play(story)


def test_a_pod_that_is_deleted_again_with_less_patience_goes_sooner():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell("sleep infinity")])
        await bed.until_ready()
        await bed.client.delete("Pod", "web", "default")
        await bed.sleep(5)
        began = bed.now_s
        await bed.client.delete("Pod", "web", "default", grace_period_seconds=2)
        assert await bed.until_gone() - began == pytest.approx(2 + STOP_S, abs=0.1)
        bed.clean()

    Bed().play(story)


def test_a_container_with_another_image_is_started_again():
    async def story(bed: Bed) -> None:
        await bed.create()
        await bed.until_ready()
        patch = {"spec": {"containers": [{"name": "nginx", "image": "nginx:1.28"}]}}
        await bed.client.patch("Pod", "web", patch, "default", type="strategic")
        await bed.sleep(0.1)
        (container,) = (await bed.status())["containerStatuses"]
        assert (container["image"], container["restartCount"]) == ("docker.io/library/nginx:1.28", 1)
        assert "Killing: Container nginx definition changed, will be restarted" in await bed.events()

    Bed().play(story)


def test_what_was_pulled_is_there_after_a_reboot_and_a_deleted_node_stays_away():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell("sleep infinity")])
        await bed.until_ready()
        await bed.sleep(11)
        await bed.net.restart("node-1")
        await bed.sleep(0.5)
        assert await bed.ready()
        await bed.client.delete("Node", "node-1")
        await bed.sleep(30)
        assert (await bed.client.list("Node")).items == []
        await bed.net.restart("node-1")
        await bed.until(bed.node_ready)

    Bed().play(story)


def test_a_pod_is_deleted_while_its_image_is_pulled():
    async def story(bed: Bed) -> None:
        await bed.create(containers=[shell("sleep infinity")])
        await bed.sleep(1)
        await bed.client.delete("Pod", "web", "default")
        began = bed.now_s
        assert await bed.until_gone() - began < STOP_S + 0.1
        bed.clean()

    Bed().play(story)


def test_a_pod_is_deleted_while_its_sandbox_waits_to_be_tried_again():
    async def story(bed: Bed) -> None:
        bed.plugin.refusal = "no"
        await bed.create()
        await bed.sleep(1)
        await bed.client.delete("Pod", "web", "default")
        began = bed.now_s
        assert await bed.until_gone() - began < STOP_S + 0.1
        bed.clean()

    Bed().play(story)


def test_a_pod_that_was_deleted_by_force_is_cleaned_up():
    async def story(bed: Bed) -> None:
        await bed.create()
        await bed.until_ready()
        await bed.client.delete("Pod", "web", "default", grace_period_seconds=0)
        assert await bed.gone()
        again = await bed.create()
        await bed.until_ready()
        assert (await bed.pod() or {})["metadata"]["uid"] == again["metadata"]["uid"]
        assert len(bed.plugin.given) == 1 and len(bed.net.host("node-1").children) == 1

    Bed().play(story)


# ---- admission ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "reason", "message"),
    [
        (
            {"container": {"resources": {"requests": {"cpu": "2"}}}},
            "OutOfcpu",
            "Node didn't have enough resource: cpu, requested: 2000, used: 0, capacity: 1930",
        ),
        ({"hostNetwork": True}, "UnexpectedAdmissionError", "this kubelet has no hostNetwork"),
        (
            {"container": {"readinessProbe": {"httpGet": {"port": 80, "scheme": "HTTPS"}}}},
            "UnexpectedAdmissionError",
            "this kubelet has no httpGet with scheme HTTPS (container nginx)",
        ),
        (
            {
                "container": {
                    "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]
                }
            },
            "UnexpectedAdmissionError",
            "this kubelet has no env valueFrom.configMapKeyRef (container nginx)",
        ),
        (
            {"volumes": [{"name": "conf", "configMap": {"name": "nginx"}}]},
            "UnexpectedAdmissionError",
            "this kubelet has no configMap volume",
        ),
        ({"nodeSelector": {"disk": "ssd"}}, "NodeAffinity", "Predicate NodeAffinity failed"),
    ],
)
def test_a_pod_that_does_not_fit_fails(wanted: Object, reason: str, message: str):
    async def story(bed: Bed) -> None:
        await bed.create(**wanted)
        await bed.sleep(0.1)
        status = await bed.status()
        assert (status["phase"], status["reason"]) == ("Failed", reason)
        assert status["message"] == f"Pod was rejected: {message}"
        assert await bed.events() == [f"{reason}: {message}"]
        assert "containerStatuses" not in status
        await bed.net.restart("node-1")
        await bed.sleep(1)
        assert await bed.status() == status
        assert bed.plugin.requests == []
        await bed.client.delete("Pod", "web", "default")
        await bed.until_gone()

    Bed().play(story)


def test_a_node_runs_so_many_pods_and_no_more():
    async def story(bed: Bed) -> None:
        for number in range(3):
            await bed.create(f"web-{number}")
        await bed.until_ready("web-0")
        await bed.until_ready("web-1")
        status = await bed.status("web-2")
        assert (status["phase"], status["reason"]) == ("Failed", "OutOfpods")
        assert status["message"].endswith("resource: pods, requested: 1, used: 2, capacity: 2")

    Bed(max_pods=2).play(story)


# ---- the node ----------------------------------------------------------------------------------------------


def test_the_node_object():
    async def story(bed: Bed) -> None:
        node = await bed.client.get("Node", "node-1")
        assert node["spec"]["providerID"] == "aws:///eu-west-1a/i-0123456789abcdef0"
        labels = node["metadata"]["labels"]
        assert labels["kubernetes.io/hostname"] == "node-1" and labels["team"] == "web"
        assert labels["topology.kubernetes.io/zone"] == "eu-west-1a"
        assert labels["topology.kubernetes.io/region"] == "eu-west-1"
        status = node["status"]
        assert status["capacity"] == {"cpu": "2", "memory": "8388608Ki", "pods": "29"}
        assert status["allocatable"] == {"cpu": "1930m", "memory": "7698432Ki", "pods": "29"}
        assert status["addresses"][0] == {"type": "InternalIP", "address": "10.0.10.10"}
        assert {each["type"]: each["status"] for each in status["conditions"]} == {
            "MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True",
        }  # fmt: skip
        await bed.sleep(100)
        lease = await bed.client.get("Lease", "node-1", "kube-node-lease")
        assert lease["spec"]["leaseDurationSeconds"] == 40
        assert lease["spec"]["renewTime"].startswith("2026-01-01T00:01:")
        before = (await bed.client.get("Node", "node-1"))["metadata"]["resourceVersion"]
        await bed.sleep(150)
        assert (await bed.client.get("Node", "node-1"))["metadata"]["resourceVersion"] == before
        assert "NodeReady: Node node-1 status is now: NodeReady" in await bed.events("node-1")

    Bed(labels={"team": "web"}).play(story)


def test_a_node_that_was_killed_starts_its_pods_again():
    async def story(bed: Bed) -> None:
        await bed.create()
        await bed.create("once", containers=[shell("sleep 100")], restartPolicy="Never")
        await bed.until_ready()
        await bed.until_ready("once")
        before = await bed.status()
        await bed.net.restart("node-1")
        assert "web" not in bed.net.hosts
        await bed.sleep(0.001)
        await bed.until(bed.node_ready)
        after = await bed.status()
        (container,) = after["containerStatuses"]
        assert (container["restartCount"], state(after)) == (1, "running")
        last = container["lastState"]["terminated"]
        assert (last["exitCode"], last["reason"]) == (255, "Unknown")
        assert last["containerID"] == before["containerStatuses"][0]["containerID"]
        assert after["startTime"] == before["startTime"]
        assert "SandboxChanged: Pod sandbox changed, it will be killed and re-created." in await bed.events()
        assert (await bed.status("once"))["phase"] == "Failed"
        rebooted = "Rebooted: Node node-1 has been rebooted, boot id: "
        assert any(each.startswith(rebooted) for each in await bed.events("node-1"))
        await bed.client.delete("Pod", "web", "default")
        await bed.client.delete("Pod", "once", "default")
        await bed.until_gone()
        bed.clean()

    Bed().play(story)


# ---- logs --------------------------------------------------------------------------------------------------


def test_logs(tmp_path):
    async def story(bed: Bed) -> None:
        async def logs(**wanted: Any) -> list[str]:
            told = await bed.net.host("tester").call(
                "node-1", "container_logs", namespace="default", pod="web", **wanted
            )
            return told.splitlines()

        await bed.create(
            containers=[shell("echo one; sleep 1; echo two; sleep 1; exit 1"), {**SH, "name": "d"}]
        )
        await bed.sleep(4.5)
        assert await logs(container="c") == ["one", "two"]
        assert await logs(container="c", tail_lines=1) == ["two"]
        (line,) = await logs(container="c", tail_lines=1, timestamps=True)
        assert line.startswith("2026-01-01T00:00:0") and line.endswith("Z two")
        await bed.sleep(2)
        assert await logs(container="c", previous=True) == ["one", "two"]
        with pytest.raises(
            CallFailed, match=r"a container name must be specified for pod web, choose one of: \[c d\]"
        ):
            await logs()
        with pytest.raises(CallFailed, match="container x is not valid for pod web"):
            await logs(container="x")

        (folder,) = (tmp_path / "logs" / "pods").iterdir()
        assert folder.name.startswith("default_web_")
        await bed.client.delete("Pod", "web", "default")
        await bed.until_gone()
        assert not folder.exists()

    Bed(tmp_path).play(story)


# ---- configs -----------------------------------------------------------------------------------------------

CONFIG = {
    "instance_type": "m5.large",
    "availability_zone": "eu-west-1a",
    "instance_id": "i-0123456789abcdef0",
    "cni": "cni",
}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"colour": "red"}, "Extra inputs are not permitted"),
        ({"instance_type": "m5.lagre"}, "there is no instance type 'm5.lagre', did you mean 'm5.large'?"),
        ({"availability_zone": "Dublin"}, "String should match pattern"),
        ({"instance_id": "node-1"}, "String should match pattern"),
        (
            {"images": {"busybox": {"program": "command", "backlog": 3}}},
            "an image with program command has no nginx",
        ),
        ({"max_pods": 0}, "greater than or equal to 1"),
        ({"conntrack_max": 0}, "greater than 0"),
    ],
)
def test_a_wrong_config_is_refused_with_the_reason(changed: Object, words: str):
    assert Config.model_validate(CONFIG).port_names() == ["eth0"]
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({**CONFIG, **changed})
    assert words in str(caught.value)
