"""HTTP: the request at the load balancer, in the pod, and the answer."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import listed, milliseconds, plural


@sentence("http.request")
def http_request(r: Record) -> Told:
    if "client" in r:
        return Told(f"Has read the request: {r['method']} {r['url']}", f"from {r['client']}")
    return Told(f"Sends the request: {r['method']} {r['url']}")


@sentence("http.response")
def http_response(r: Record) -> Told:
    if "source" in r:
        return Told(f"Has the head of the answer from {r['source']}: status {r['status']}")
    return Told(f"The answer is here: status {r['status']}, {plural(r['bytes'], 'byte')}")


@sentence("alb.rule")
def alb_rule(r: Record) -> Told:
    conditions = listed(r["conditions"], nothing="no condition")
    which = "default rule" if r["priority"] == "default" else f"rule {r['priority']} ({conditions})"
    passed_over = [rule for rule in r["evaluated"] if not rule["matched"]]
    names = listed([str(rule["priority"]) for rule in passed_over])
    why = f"rules that did not match: {names}" if passed_over else "the first rule that matched"
    tried = tuple(f"rule {rule['priority']}: {rule['why']}" for rule in passed_over if rule.get("why"))
    return Told(f"Listener {r['listener']}, {which}: {r['action']}", why, tried)


says("alb.redirect", "Sends the client to {url}", "status {status}")


@sentence("alb.target_group")
def alb_target_group(r: Record) -> Told:
    weights = tuple(f"{group}: weight {weight}" for group, weight in r["weights"].items())
    return Told(f"Chose target group {r['chosen']}", f"by {r['why']}", weights)


@sentence("alb.authentication")
def alb_authentication(r: Record) -> Told:
    if r["admitted"]:
        return Told("The rule's authentication lets the request through")
    return Told(f"The rule's authentication refuses the request: {r['sentence']}", r["reason"])


@sentence("waf.verdict")
def waf_verdict(r: Record) -> Told:
    rule = f"rule {r['rule']}" if r["rule"] else "its default action"
    counted = f"counted by {listed(r['counted'], most=3)}" if r["counted"] else ""
    return Told(
        f"AWS WAF {'lets the request through' if r['allowed'] else 'blocks the request'}: {rule}", counted
    )


@sentence("waf.web_acl")
def waf_web_acl(r: Record) -> Told:
    return Told(
        f"AWS WAF judges by web ACL {r['arn'].split('/')[-2]} from now on", plural(r["rules"], "rule")
    )


@sentence("alb.target")
def alb_target(r: Record) -> Told:
    width = max((len(c["target"]) for c in r["candidates"]), default=0)
    candidates = tuple(_candidate(c, width, chosen=c["target"] == r["chosen"]) for c in r["candidates"])
    if r.get("left_out"):
        candidates += (f"  and {r['left_out']} more",)
    chosen = f"chose {r['chosen']}" if r["chosen"] else "found no target"
    return Told(f"Target group {r['target_group']}, {r['algorithm']}: {chosen}", r["why"], candidates)


def _candidate(candidate: Record, width: int, *, chosen: bool) -> str:
    mark = "▸" if chosen else " "
    share = f", {candidate['weight']:.0%} of a full share" if candidate.get("weight", 1) < 1 else ""
    busy = f"{candidate['outstanding']:>3} outstanding"
    return f"{mark} {candidate['target']:<{width}}  {busy}  {candidate['state']}{share}"


@sentence("alb.connection")
def alb_connection(r: Record) -> Told:
    if r["reused"]:
        return Told(f"Uses an open connection to {r['target']} again", f"{r['idle_connections']} were idle")
    return Told(f"No open connection to {r['target']} is idle: opens a new one")


@sentence("alb.response")
def alb_response(r: Record) -> Told:
    if r["source"] == "elb":
        return Told(
            f"The load balancer itself answers {r['status']}",
            f"{r.get('cause') or 'no cause'}, target: {r.get('target') or 'none'}",
            (r["sentence"],) if r.get("sentence") else (),
        )
    asked = f"{milliseconds(r['target_ms'])} after it was asked" if r["target_ms"] is not None else ""
    return Told(f"The target has answered {r['target_status']}: passes {r['status']} on", asked)


@sentence("nginx.accept")
def nginx_accept(r: Record) -> Told:
    queue = f"{r['queue']} of {r['backlog']} places taken in the accept queue"
    if r["worker"] is None:
        return Told("The connection waits for a worker", queue)
    return Told(f"Worker {r['worker']} accepts the connection", queue)


@sentence("nginx.answer")
def nginx_answer(r: Record) -> Told:
    waited = f", then {milliseconds(r['latency_ms'])} of latency, as set" if r.get("latency_ms") else ""
    return Told(
        f"Worker {r['worker']} answers {r['status']}, {plural(r['bytes'], 'byte')}",
        f"service {milliseconds(r['service_ms'])}, queued before that {milliseconds(r['queued_ms'])}{waited}",
    )


says("app.request", "The app has the request: {method} {path}")
says("app.call", "The app opens a connection of its own to {host}:{port}")


@sentence("app.answer")
def app_answer(r: Record) -> Told:
    waited = f", of which {milliseconds(r['latency_ms'])} are latency, as set" if r.get("latency_ms") else ""
    return Told(
        f"The app answers {r['status']}", f"{milliseconds(r['took_ms'])} after it had the request{waited}"
    )


@sentence("nginx.no_answer", "app.no_answer")
def nginx_no_answer(r: Record) -> Told:
    what = {
        "stall": "takes the request and never answers",
        "close": "closes the connection in place of an answer",
        "reset": "resets the connection in place of an answer",
    }[r["mode"]]
    return Told(f"{'The app' if r['kind'] == 'app.no_answer' else 'nginx'} {what}", f"as set: {r['mode']}")
