"""Pods on their nodes: sandboxes, containers, probes."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence

says("node.boot", "Instance {instance} is up, and its kubelet starts", "address {address}")


@sentence("pod.sandbox")
def pod_sandbox(r: Record) -> Told:
    match r["reason"]:
        case "FailedCreatePodSandBox":
            return Told(f"No sandbox for pod {r['pod']}", r["message"])
        case "SandboxGone":
            return Told(f"The process of pod {r['pod']} has ended, and its containers with it")
        case "SandboxRemoved":
            return Told(f"The sandbox of pod {r['pod']} is taken away")
    return Told(f"The sandbox of pod {r['pod']} is ready", f"address {r['address']}, veth {r['veth']}")


@sentence("pod.container")
def pod_container(r: Record) -> Told:
    if r["what"] == "started":
        return Told(f"Container {r['container']} of pod {r['pod']} has started")
    return Told(f"Container {r['container']} of pod {r['pod']} has ended", f"exit code {r['exit_code']}")


says("pod.phase", "Pod {pod} is {phase}")


@sentence("pod.mode")
def pod_mode(r: Record) -> Told:
    changes = ", ".join(f"{key}={change['to']}" for key, change in r["changed"].items())
    return Told(f"A user sets pod {r['pod']}: {changes}")


says("pod.probe", "Container {container} of pod {pod} fails its {probe} probe", "{message}")
