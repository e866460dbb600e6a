"""What happens to elements and links, and the two ends of a journey."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import listed, milliseconds, plain, plural


@sentence("journey.start")
def journey_start(r: Record) -> Told:
    return Told(f"The click: {r.get('method', 'GET')} {r['url']}", asked_by(r))


def asked_by(r: Record) -> str:
    """Who has asked, of a journey's start, and how they came in: `curl via ingress`; "" for a load's requests."""
    via, program = r.get("via"), r.get("program")
    if via in (None, "trace"):
        return "journey trace" if via else ""
    return f"{program or 'a program'} via {via}"


@sentence("journey.end")
def journey_end(r: Record) -> Told:
    if "status" not in r:
        what = "connection" if r.get("via") == "shell" else "tunnel"
        return Told(f"The {what} is closed", f"{plural(r['body_bytes'], 'byte')} came back")
    body = f", {plural(r['body_bytes'], 'byte')} of body" if "body_bytes" in r else ""  # a load counts none
    return Told(f"The last byte is here: status {r['status']}{body}")


says("journey.failed", "Gave up: {error}", "while busy with {phase}")


@sentence("link.transmit")
def link_transmit(r: Record) -> Told:
    queued = f", {milliseconds(r['queued_us'] / 1000)} of it queued" if r["queued_us"] else ""
    took_ms = (r["arrive_ns"] - r["depart_ns"]) / 1e6
    return Told(f"{r['packet']}", f"over {r['link']} to {r['to']}, {milliseconds(took_ms)}{queued}")


@sentence("link.receive")
def link_receive(r: Record) -> Told:
    lag = f"{milliseconds(r['lag_us'] / 1000)} of real time after it was due"
    return Told(f"Takes {plural(r['bytes'], 'byte')} from {r['link']}", lag)


@sentence("link.drop")
def link_drop(r: Record) -> Told:
    return Told(f"The packet was lost on {r['link']}: {r['reason']}", r.get("packet", ""))


@sentence("link.up", "link.down")
def link_state(r: Record) -> Told:
    state = "has its carrier back" if r["kind"] == "link.up" else "has lost its carrier"
    return Told(f"Link {r.get('link') or r.get('port')} {state}")


says("load.changed", "The load was changed: {what}")


@sentence("load.wait")
def load_wait(r: Record) -> Told:
    waits = f"{plural(r['before'], 'request')} {'waits' if r['before'] == 1 else 'wait'} before it"
    connections = f"{plural(r['active'], 'connection')} at work, {r['opening']} being opened"
    return Told("The request is due, and waits for a connection", f"{connections}; {waits}")


says("operator.scale", "scale {target} from {before} to {after}", "by {by}")


@sentence("operator.rollout", "operator.cordon", "operator.uncordon", "operator.drain")
def operator_verb(r: Record) -> Told:
    return Told(f"{r['kind'].removeprefix('operator.')} of {r['target']}", f"by {r['by']}")


says("operator.set", "set {target} {key}={after}", "was {before}")


@sentence("fault.added")
def fault_added(r: Record) -> Told:
    lasts = f" for {r['for_s']:g} s" if "for_s" in r else ""
    on = f"links {listed(r['links'])}" if r["links"] else ""
    return Told(f"On purpose: {r['target']}: {r['what']}{lasts} ({r['fault']})", on)


@sentence("fault.changed")
def fault_changed(r: Record) -> Told:
    said = listed([f"{key} {value}" for key, value in r["changed"].items()])
    return Told(f"On purpose: {r['target']}: {said} ({r['fault']})", f"{r['what']}; before: {r['was']}")


says("fault.ended", "Over: {target}: {what} ({fault})", "{why}")
says("shell.opened", "A shell of this machine has come in: {address} is behind this laptop")
says("shell.closed", "The shell of this machine has left: {address} is nobody's again")
says("element.exit", "The process {how}")
says("element.restart", "Started again, for the {restarts}. time")


@sentence("alb.configured")
def alb_configured(r: Record) -> Told:
    return Told(f"The load balancer node has new orders: {listed(r['changed'])}")


says("alb.document_refused", "What the control plane says of {key} cannot be carried out", "{why}")


@sentence("target.state")
def target_state(r: Record) -> Told:
    return Told(f"Target {r['target']} is {r['to']}, was {r['from']}", r.get("reason") or "")


@sentence("target.anomaly")
def target_anomaly(r: Record) -> Told:
    share = f" and gets {r['weight']:.0%} of a full share" if r["weight"] < 1 else ""
    return Told(
        f"Target {r['target']} is {r['result']}{share}",
        f"{r['failing']:.0%} of its requests failed, its peers' normal is {r['normal']:.0%}",
    )


@sentence("target.registered", "target.deregistered")
def target_registration(r: Record) -> Told:
    verb = "is" if len(r["targets"]) == 1 else "are"
    done = "registered with" if r["kind"] == "target.registered" else "deregistered from"
    return Told(f"{listed(r['targets'])} {verb} {done} target group {r['target_group']}")


@sentence("cni.add")
def cni_add(r: Record) -> Told:
    if "error" in r:
        return Told(f"CNI ADD: no network for pod {r['pod']}", r["error"])
    where = f"network interface {r['device']}, veth {r['veth']}, route table {r['table']}"
    return Told(f"CNI ADD: pod {r['pod']} gets {r['address']}", where)


@sentence("cni.del")
def cni_del(r: Record) -> Told:
    if "error" in r:
        return Told(f"CNI DEL: pod {r['pod']} keeps its network", r["error"])
    return Told(f"CNI DEL: pod {r['pod']} gives {r['address']} back", f"veth {r['veth']} is gone")


@sentence("cni.repair")
def cni_repair(r: Record) -> Told:
    if "error" in r:
        return Told("CNI: the node's routes are not as they should be, and cannot be mended", r["error"])
    return Told("CNI: the node's routes were not as they should be, and are now", plain(r["written"]))


@sentence("load.end")
def load_end(r: Record) -> Told:
    pods = (f"{pod} {count}" for pod, count in r["per_pod"].items())
    return Told(f"The load is over: {plural(r['requests'], 'request')}", f"served by {listed(pods)}")


@sentence("aws.request")
def aws_request(r: Record) -> Told:
    outcome = f"refused, {r['error']}" if "error" in r else "done"
    took = milliseconds(r["duration_ms"])
    return Told(
        f"AWS API: {r['service']} {r['operation']} for {r['caller']}: {outcome}", f"answered after {took}"
    )
