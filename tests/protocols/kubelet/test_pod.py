"""The pod's state machine under any order of ends, verdicts, deletions and lost sandboxes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.protocols.kubelet.backoff import Backoff
from actors.protocols.kubelet.containers import Container, Exited
from actors.protocols.kubelet.pod import PodMachine, Sandbox
from actors.protocols.kubelet.status import pod_status, status_patch
from actors.units import SECOND

Object = dict[str, Any]
SANDBOX = Sandbox("s", "web", "cni-s", "10.0.0.1/32", "eni1")
RANK = {"Pending": 0, "Running": 1, "Succeeded": 2, "Failed": 2}


def pod(policy: str = "Always", init: int = 0, sidecars: int = 0, containers: int = 1) -> Object:
    inits: list[Object] = [{"name": f"i{n}", "image": "a"} for n in range(init)]
    inits += [{"name": f"s{n}", "image": "a", "restartPolicy": "Always"} for n in range(sidecars)]
    return {
        "metadata": {"name": "web", "namespace": "default", "uid": "u"},
        "spec": {
            "restartPolicy": policy,
            "initContainers": inits,
            "containers": [{"name": f"c{n}", "image": "a"} for n in range(containers)],
        },
        "status": {"phase": "Pending"},
    }


class Run:
    """A machine with somebody who does what it says, at once."""

    def __init__(self, wanted: Object) -> None:
        self.pod = wanted
        self.machine = PodMachine(wanted, Backoff())
        self.now_ns = 0
        self.phases = ["Pending"]
        self.starts: list[str] = []

    def do(self) -> None:
        """Carry out all that is to be done now."""
        for _ in range(20):
            steps = self.machine.steps(self.now_ns)
            if steps.kill_sandbox:
                for container in self.machine:
                    container.exit(137, self.now_ns)
                self.machine.sandbox = None
            elif steps.create_sandbox:
                self.machine.sandbox_ready(SANDBOX)
            elif steps.start:
                self._start(self.machine.container(steps.start[0]))
            else:
                break
        else:
            raise AssertionError("it never comes to rest")
        self.look()

    def _start(self, container: Container) -> None:
        self.machine.starts(container, self.now_ns)
        container.start(f"id{len(self.starts)}", self.now_ns)
        container.started = container.ready = True
        self.starts.append(container.name)

    def look(self) -> Object:
        """Write the status, as it is now."""
        status = pod_status(self.machine, self.pod, "10.0.0.9", 0, lambda ns: ns, self.now_ns)
        patch = status_patch(status, self.pod["status"], "u")
        if patch is not None:
            gone = {key for key, value in patch["status"].items() if value is None}
            kept = {key: value for key, value in self.pod["status"].items() if key not in gone}
            self.pod = {**self.pod, "status": {**kept, **status}}
            assert status_patch(status, self.pod["status"], "u") is None, "written once is enough"
        if status["phase"] != self.phases[-1]:
            self.phases.append(status["phase"])
        return status


NAMES = ["i0", "i1", "s0", "c0", "c1"]
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("exit"), st.sampled_from(NAMES), st.sampled_from([0, 1, 137])),
        st.tuples(st.just("start error"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("unready"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("restart"), st.sampled_from(NAMES), st.just(0)),
        st.tuples(st.just("sandbox gone"), st.just(""), st.just(0)),
        st.tuples(st.just("time"), st.just(""), st.integers(0, 700)),
        st.tuples(st.just("delete"), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@given(
    st.sampled_from(["Always", "OnFailure", "Never"]),
    st.integers(0, 2),
    st.integers(0, 1),
    st.integers(1, 2),
    HAPPENINGS,
)
def test_whatever_happens_phases_only_move_on(
    policy: str, init: int, sidecars: int, containers: int, happenings: list[tuple[str, str, int]]
):
    run = Run(pod(policy, init, sidecars, containers))
    run.do()
    for what, name, number in happenings:
        container = next((each for each in run.machine if each.name == name), None)
        if what == "exit" and container is not None:
            container.exit(number, run.now_ns)
        elif what == "start error" and container is not None and container.running is None:
            if run.machine.sandbox is not None and name in run.machine.steps(run.now_ns).start:
                container.fail_to_start("x", 128, "no", run.now_ns)
        elif what == "unready" and container is not None and container.running is not None:
            container.ready = not container.ready
        elif (
            what == "restart"
            and container is not None
            and container.running is not None
            and policy != "Never"
        ):
            container.wants_restart = True
            container.exit(0, run.now_ns)
        elif what == "sandbox gone" and run.machine.sandbox is not None:
            run.machine.sandbox_gone(run.now_ns)
        elif what == "time":
            run.now_ns += number * SECOND
        elif what == "delete":
            run.machine.terminating = True
        run.look()
        run.do()
        check(run)
    ranks = [RANK[phase] for phase in run.phases]
    assert ranks == sorted(ranks) and ranks.count(2) <= 1


def check(run: Run) -> None:
    machine, status = run.machine, run.look()
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert (conditions["Ready"] == "True") <= (conditions["ContainersReady"] == "True")
    if status["phase"] in ("Succeeded", "Failed"):
        assert machine.sandbox is None and conditions["Ready"] == "False"
        assert not any(container.running for container in machine)
    if machine.sandbox is None:
        assert conditions["PodReadyToStartContainers"] == "False"
    if any(container.running for container in machine.containers):
        assert all(isinstance(each.state, Exited) for each in machine.init if not each.is_sidecar)
    for container in machine:
        assert container.restarts >= 0
        if container.running is not None:
            assert machine.sandbox is not None


def test_restarts_wait_and_init_containers_come_in_order():
    run = Run(pod("Always", init=2, sidecars=1))
    run.do()
    assert run.starts == ["i0"]
    run.machine.container("i0").exit(1, run.now_ns)
    run.do()
    assert run.starts == ["i0", "i0"], "the first restart comes at once"
    run.machine.container("i0").exit(1, run.now_ns)
    steps = run.machine.steps(run.now_ns)
    assert (steps.start, steps.at_ns) == ((), 10 * SECOND)
    run.now_ns = 10 * SECOND
    run.do()
    run.machine.container("i0").exit(0, run.now_ns)
    run.do()
    run.machine.container("i1").exit(0, run.now_ns)
    run.do()
    assert run.starts[3:] == ["i1", "s0", "c0"]


def test_a_new_sandbox_runs_init_containers_again():
    run = Run(pod("Always", init=1))
    run.do()
    run.machine.container("i0").exit(0, run.now_ns)
    run.do()
    run.machine.sandbox_gone(run.now_ns)
    run.do()
    assert run.starts == ["i0", "c0", "i0"]
    assert run.phases == ["Pending", "Running"]


def test_what_was_running_before_a_reboot_is_dead_now():
    statuses = [
        {
            "name": "c0",
            "restartCount": 2,
            "containerID": "containerd://abc",
            "state": {"running": {"startedAt": "t"}},
        },
        {"name": "c1", "restartCount": 0, "state": {"terminated": {"exitCode": 0, "finishedAt": "t"}}},
    ]
    machine = PodMachine(pod("OnFailure", containers=2), Backoff())
    machine.recover({"containerStatuses": statuses}, 50, lambda text: None if text is None else 7)
    one, other = machine.containers
    assert one.state == Exited("abc", 255, "Unknown", "", 7, 50)
    assert other.succeeded and machine.had_sandbox
    steps = machine.steps(60)
    assert steps.create_sandbox
    machine.sandbox_ready(SANDBOX)
    assert machine.steps(60).start == ("c0",)
    one.start("new", 60)
    assert one.restarts == 3 and one.last == Exited("abc", 255, "Unknown", "", 7, 50)
