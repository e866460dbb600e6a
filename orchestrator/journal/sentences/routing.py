"""What BGP speakers hear, decide and tell."""

from orchestrator.journal.sentences.table import Record, Told, sentence
from orchestrator.journal.wording import listed, milliseconds, plural


@sentence("bgp.decision")
def bgp_decision(r: Record) -> Told:
    lost = [
        f"by {each['neighbour']}, AS path {each['as_path'] or 'empty'} ({each['why']})" for each in r["lost"]
    ]
    beaten = f"rather than {listed(lost, most=3)}" if lost else "the only path"
    return Told(f"AS path to {r['prefix']}: {r['as_path']}, told by {r['neighbour']}", beaten)


@sentence("bgp.open")
def bgp_open(r: Record) -> Told:
    hold = plural(r["hold_time_s"], "second")
    return Told(
        f"BGP: {r['neighbour']} is AS {r['peer_asn']}, {r['identifier']}", f"offers to hold for {hold}"
    )


@sentence("bgp.established")
def bgp_established(r: Record) -> Told:
    hold = f"hold time {plural(round(r['hold_time_s']), 'second')}"
    return Told(f"BGP session with {r['neighbour']} (AS {r['peer_asn']}) is established", hold)


@sentence("bgp.down")
def bgp_down(r: Record) -> Told:
    lost = plural(r["routes_lost"], "route")
    return Told(f"BGP session with {r['neighbour']} (AS {r['peer_asn']}) is down: {r['why']}", f"{lost} lost")


@sentence("bgp.notification")
def bgp_notification(r: Record) -> Told:
    way = "to" if r["direction"] == "sent" else "from"
    return Told(f"BGP NOTIFICATION {way} {r['neighbour']}: {r['error']}")


@sentence("bgp.update")
def bgp_update(r: Record) -> Told:
    refused = r.get("refused") or {}
    why = listed((f"{prefix} not taken: {why}" for prefix, why in refused.items()), most=2)
    prefixes = listed(r["prefixes"], most=3)
    return Told(f"{r['neighbour']} announces {prefixes} with AS path {r['as_path']}", why if refused else "")


@sentence("bgp.withdraw")
def bgp_withdraw(r: Record) -> Told:
    return Told(f"{r['neighbour']} withdraws {listed(r['prefixes'], most=3)}", r.get("why", ""))


@sentence("bgp.best_path")
def bgp_best_path(r: Record) -> Told:
    before = f"before: {r['before']}" if r["before"] else "unknown before"
    if r["neighbour"] is None:
        return Told(f"No path to {r['prefix']} is left", before)
    way = f"AS path {r['as_path']}, told by {r['neighbour']}" if r["as_path"] else "our own"
    return Told(f"Best path to {r['prefix']}: {way} (decided by {r['step']})", before)


@sentence("bgp.converged")
def bgp_converged(r: Record) -> Told:
    event = r["event"].replace("_", " ")
    changes = plural(r["changes"], "change")
    return Told(f"BGP converged {milliseconds(r['duration_ms'])} after {event}", f"{changes} of best paths")
