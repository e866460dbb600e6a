import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.instance_types import LIMITS, SIZES
from actors.protocols.kubelet import commands, cri_log, images
from actors.protocols.kubelet.admission import Room, admit, requested
from actors.protocols.kubelet.backoff import Backoff
from actors.protocols.kubelet.commands import CommandNotFound, Exit, Nginx, Script, SignalNginx, Sleep
from actors.protocols.kubelet.environment import environment, expanded
from actors.protocols.kubelet.node_object import Instance, allocatable
from actors.protocols.kubelet.probes import PASSED, Kind, Probe, Result, Verdict
from actors.protocols.kubelet.status import status_patch
from actors.protocols.kubelet.texts import api_time, go_duration, micro_time, unix_ns_of
from actors.units import SECOND

FAILED = Result(False, "no")


# ---- back-off ----------------------------------------------------------------------------------------------


def test_a_wait_doubles_up_to_five_minutes_and_is_forgotten_after_ten():
    backoff, now_ns, waits = Backoff(), 0, []
    for _ in range(8):
        waits.append(backoff.until_ns("a", now_ns) - now_ns)
        now_ns = backoff.until_ns("a", now_ns)
        backoff.next("a", now_ns, now_ns)
    assert [wait // SECOND for wait in waits] == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.until_ns("a", now_ns + 600 * SECOND) == now_ns + 900 * SECOND
    assert backoff.until_ns("a", now_ns + 601 * SECOND) == now_ns + 601 * SECOND
    backoff.forget("a")
    assert backoff.wait_ns("a") == 0


# ---- probes ------------------------------------------------------------------------------------------------


def test_a_probe_needs_its_thresholds():
    spec = {"periodSeconds": 3, "successThreshold": 2, "failureThreshold": 2, "initialDelaySeconds": 4}
    probe = Probe(Kind.READINESS, spec, started_ns=10 * SECOND, now_ns=11 * SECOND)
    assert probe.due_ns == 14 * SECOND
    probe.begins(14 * SECOND)
    assert probe.due_ns == 17 * SECOND
    results = [PASSED, PASSED, PASSED, FAILED, PASSED, FAILED, FAILED, Result(None), PASSED, PASSED]
    assert [probe.handle(result) for result in results] == [
        None, Verdict.PASSES, Verdict.PASSES, None, None, None, Verdict.FAILS, None, None, Verdict.PASSES,
    ]  # fmt: skip


@given(
    st.sampled_from(list(Kind)),
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.sampled_from([True, False])),
)
def test_no_verdict_without_so_many_results_in_a_row(
    kind: Kind, success: int, failure: int, results: list[bool]
):
    probe = Probe(kind, {"successThreshold": success, "failureThreshold": failure}, 0, 0)
    for index, passed in enumerate(results):
        was_over = probe.over
        verdict = probe.handle(Result(passed))
        need = success if passed else failure
        run = results[max(0, index + 1 - need) : index + 1]
        assert (verdict is not None) == (
            not was_over and len(run) == need and all(each is passed for each in run)
        )
        assert not (was_over and verdict)


# ---- commands ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (("sleep", "1.5", "2m"), Sleep(121.5)),
        (("sleep", "infinity"), Sleep(commands.FOREVER)),
        (("/bin/true",), Exit(0)),
        (("nginx", "-g", "daemon off;"), Nginx(daemonizes=False)),
        (("/docker-entrypoint.sh", "nginx", "-g", "daemon off;"), Nginx(daemonizes=False)),
        (("nginx",), Nginx(daemonizes=True)),
        (("/usr/sbin/nginx", "-s", "stop"), SignalNginx("stop")),
        (("nginx", "-s", "reload"), Exit(1, 'nginx: invalid option: "-s reload"')),
    ],
)
def test_what_command_lines_mean(argv: tuple[str, ...], command: commands.Command):
    assert commands.parse(argv, {}, has_nginx=True) == command


def test_programs_that_are_not_there():
    for argv in (("nginx",), ("cat",), ("/opt/app",), ("",)):
        with pytest.raises(CommandNotFound):
            commands.parse(argv, {}, has_nginx=False)
    said = commands.start_error("/opt/app")
    assert said.endswith('exec: "/opt/app": stat /opt/app: no such file or directory: unknown')


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("echo 'a  b' \"c $X\" \\$X ${X}y # no", [("", ("echo", "a  b", "c 1", "$X", "1y"))]),
        ("a;b && c||d\ne", [("", ("a",)), (";", ("b",)), ("&&", ("c",)), ("||", ("d",)), (";", ("e",))]),
        ("a &&\n b;\n\n c\n", [("", ("a",)), ("&&", ("b",)), (";", ("c",))]),
        ("", []),
    ],
)
def test_scripts(text: str, steps: list[tuple[str, tuple[str, ...]]]):
    assert [tuple(step) for step in commands.parse_script(text, {"X": "1"})] == steps


@pytest.mark.parametrize(
    "text", ["; a", "a && ; b", "a &&", "a | b", "a > b", "`a`", "$(a)", "'a", '"a', "a &"]
)
def test_scripts_that_this_shell_does_not_know(text: str):
    with pytest.raises(ValueError, match=r"Syntax error|this shell has no"):
        commands.parse_script(text, {})


@given(st.text(max_size=60))
def test_any_text_is_a_script_or_an_error(text: str):
    command = commands.parse(("sh", "-c", text), {"A": "b"}, has_nginx=True)
    assert isinstance(command, Script) or (isinstance(command, Exit) and command.code == 2)


# ---- images, environments, texts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "short", "policy"),
    [
        ("nginx", "docker.io/library/nginx:latest", "nginx", "Always"),
        ("nginx:1.27", "docker.io/library/nginx:1.27", "nginx", "IfNotPresent"),
        ("bitnami/nginx:1", "docker.io/bitnami/nginx:1", "bitnami/nginx", "IfNotPresent"),
        (
            "public.ecr.aws/nginx/nginx:1",
            "public.ecr.aws/nginx/nginx:1",
            "public.ecr.aws/nginx/nginx",
            "IfNotPresent",
        ),
        ("nginx:1", "docker.io/library/nginx:1", "nginx", "IfNotPresent"),
        ("localhost:5000/a:latest", "localhost:5000/a:latest", "localhost:5000/a", "Always"),
        (f"nginx@sha256:{'0' * 64}", f"docker.io/library/nginx@sha256:{'0' * 64}", "nginx", "IfNotPresent"),
    ],
)
def test_references(text: str, name: str, short: str, policy: str):
    reference = images.parse(text)
    assert (reference.name, reference.short, reference.default_policy) == (name, short, policy)


@pytest.mark.parametrize("text", ["", "Nginx", "nginx:", "nginx:a b", "a//b", "-a"])
def test_what_is_no_reference(text: str):
    with pytest.raises(ValueError, match="invalid reference format"):
        images.parse(text)


def test_environments():
    pod = {
        "metadata": {"name": "web", "namespace": "default", "uid": "u", "labels": {"app": "x"}},
        "spec": {"nodeName": "node-1"},
    }
    container = {
        "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)-$(C)-$$(A)"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        ]
    }
    found = environment(pod, container, "10.0.0.9", "10.0.0.1")
    assert found == {"A": "1", "B": "1-$(C)-$(A)", "IP": "10.0.0.1", "APP": "x"}
    assert expanded("$(APP) $APP", found) == "x $APP"


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"), (400_000_000, "400ms"), (10 * SECOND, "10s"), (80 * SECOND, "1m20s"),
        (300 * SECOND, "5m0s"), (1_204_000_000, "1.204s"), (3600 * SECOND, "1h0m0s"),
    ],
)  # fmt: skip
def test_durations_as_go_writes_them(nanoseconds: int, text: str):
    assert go_duration(nanoseconds) == text


def test_times():
    assert api_time(1_767_225_601_500_000_000) == "2026-01-01T00:00:01Z"
    assert micro_time(1_767_225_601_500_000_000) == "2026-01-01T00:00:01.500000Z"
    assert unix_ns_of("2026-01-01T00:00:01.500000Z") == 1_767_225_601_500_000_000
    assert unix_ns_of("2026-01-01T00:00:01Z") == 1_767_225_601_000_000_000


def test_log_lines_are_read_as_they_were_written():
    content = (
        "".join(cri_log.line(second * SECOND, "stdout", f"line {second}") for second in (1, 2, 3)) + "cut"
    )
    found = cri_log.entries(content)
    wanted = {"tail_lines": None, "since": None, "limit_bytes": None, "timestamps": False}
    assert cri_log.selected(found, **wanted) == "line 1\nline 2\nline 3\n"
    assert cri_log.selected(found, **{**wanted, "tail_lines": 0}) == ""
    assert cri_log.selected(found, **{**wanted, "since": cri_log.stamp(2 * SECOND)}) == "line 2\nline 3\n"
    assert cri_log.selected(found, **{**wanted, "limit_bytes": 9}) == "line 1\nli"
    assert cri_log.selected(found, **{**wanted, "tail_lines": 1, "timestamps": True}) == (
        "1970-01-01T00:00:03.000000000Z line 3\n"
    )


# ---- room --------------------------------------------------------------------------------------------------


def pod_with(*requests: dict[str, str], init: dict[str, str] | None = None) -> dict:
    containers = [{"name": f"c{n}", "resources": {"requests": each}} for n, each in enumerate(requests)]
    spec = {"containers": containers}
    if init is not None:
        spec["initContainers"] = [{"name": "i", "resources": {"limits": init}}]
    return {"metadata": {"name": "a"}, "spec": spec}


def test_what_pods_ask_for():
    assert requested(pod_with({"cpu": "50m", "memory": "32Mi"}, {"cpu": "1"})) == Room(1, 1050, 32 << 20)
    assert requested(pod_with({"cpu": "50m"}, init={"cpu": "2"})) == Room(1, 2000, 0)


def test_admission_counts_pods_cpu_and_memory():
    room = Room(2, 1000, 1 << 30)
    small = pod_with({"cpu": "600m"})
    assert admit(small, {}, room, []) is None
    refused = admit(small, {}, room, [small])
    assert refused is not None and refused.reason == "OutOfcpu"
    assert "cpu, requested: 600, used: 600, capacity: 1000" in refused.message
    assert admit(pod_with({}), {}, room, [small, pod_with({})]).reason == "OutOfpods"
    assert admit(pod_with({"memory": "2Gi"}), {}, room, []).reason == "OutOfmemory"


def test_every_instance_type_has_a_size_and_room():
    assert LIMITS.keys() == SIZES.keys()
    for name in SIZES:
        room = allocatable(Instance("n", name, "eu-west-1a", "i-0", "10.0.0.1", LIMITS[name].max_pods))
        assert room.pods == LIMITS[name].max_pods and room.cpu > 0
    assert allocatable(Instance("n", "m5.large", "eu-west-1a", "i-0", "10.0.0.1", 29)).cpu == 1930


# ---- patches -----------------------------------------------------------------------------------------------


def test_a_status_patch_has_what_changed_and_leaves_other_conditions_alone():
    ready = {"type": "Ready", "status": "False", "reason": "R", "message": "m", "lastTransitionTime": "t0"}
    before = {
        "phase": "Pending",
        "podIP": "10.0.0.1",
        "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [ready, {"type": "gate", "status": "True"}],
    }
    status = {
        "phase": "Running",
        "podIP": "10.0.0.2",
        "podIPs": [{"ip": "10.0.0.2"}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "t1"}],
    }
    assert status_patch(status, before, "u") == {
        "metadata": {"uid": "u"},
        "status": {
            "phase": "Running",
            "podIP": "10.0.0.2",
            "podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}],
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "lastTransitionTime": "t1",
                    "reason": None,
                    "message": None,
                }
            ],
        },
    }
    assert status_patch(before, before, "u") is None
