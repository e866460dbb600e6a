"""DNS: who was asked, what was known already, and how the walk from the root went on."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import domain, duration, listed, plural

CACHES = {
    "browser": "Browser cache",
    "os": "OS cache",
    "router": "Router's cache",
    "resolver": "Resolver's cache",
}


@sentence("dns.cache")
def dns_cache(r: Record) -> Told:
    cache = CACHES.get(r["cache"], f"{r['cache']} cache")
    name, answers = f"{domain(r['name'])} {r['type']}", listed(map(domain, r["answers"]))
    match r["result"]:
        case "hit":
            return Told(f"{cache} knows {name}: {answers}", f"for another {duration(r['ttl_s'])}")
        case "negative":
            return Told(f"{cache} knows that there is no {name}", f"for another {duration(r['ttl_s'])}")
    known = f"only its alias {answers}" if r["answers"] else ""
    return Told(f"{cache} does not know {name}", known)


@sentence("dns.query")
def dns_query(r: Record) -> Told:
    server = f"{r['server']} ({domain(r['server_name'])})" if r.get("server_name") else r["server"]
    return Told(f"Asks {server}: {domain(r['name'])} {r['type']}?")


@sentence("dns.forward")
def dns_forward(r: Record) -> Told:
    return Told(f"Passes the question on to {r['server']}: {domain(r['name'])} {r['type']}?")


@sentence("dns.wait")
def dns_wait(r: Record) -> Told:
    return Told(f"{domain(r['name'])} {r['type']} : waits for an answer", r["why"])


@sentence("dns.retry")
def dns_retry(r: Record) -> Told:
    return Told(
        f"No good answer from {r['server']}, asks again: {domain(r['name'])} {r['type']}?", r.get("why", "")
    )


@sentence("dns.truncated")
def dns_truncated(r: Record) -> Told:
    name = f"{domain(r['name'])} {r['type']}"
    return Told(f"The answer from {r['server']} is truncated (TC): asks again by TCP: {name}?")


@sentence("dns.too_long")
def dns_too_long(r: Record) -> Told:
    name = f"{domain(r['name'])} {r['type']}"
    return Told(
        f"The answer for {name} is too long for UDP: sends TC", f"the client takes {r['limit']} bytes"
    )


@sentence("dns.failed")
def dns_failed(r: Record) -> Told:
    return Told(f"Cannot resolve {domain(r['name'])} {r['type']}", r["why"])


@sentence("dns.refused")
def dns_refused(r: Record) -> Told:
    what = f" {domain(r['name'])} {r['type']}" if "name" in r else ""
    return Told(f"Refuses to answer{what}", r["why"])


@sentence("dns.zones")
def dns_zones(r: Record) -> Told:
    changed = listed([zone.rstrip(".") for zone in r["changed"]])
    return Told(
        f"Route 53 tells of changes: {changed or 'none'}", f"{plural(r['zones'], 'zone')} are served now"
    )


says("dns.bad_zone", "What Route 53 tells cannot be served; the zones stay as they were", "{error}")


@sentence("dns.referral")
def dns_referral(r: Record) -> Told:
    glue = r["glue"]
    servers = (
        f"{domain(name)} ({', '.join(glue[name])})" if glue.get(name) else domain(name)
        for name in r["name_servers"]
    )
    return Told(
        f"Referral from {r['from']}: for {_zone(r['zone'])} ask {listed(servers, most=2)}",
        f"TTL {duration(r['ttl_s'])}",
    )


@sentence("dns.cname")
def dns_cname(r: Record) -> Told:
    return Told(
        f"{domain(r['name'])} is an alias (CNAME) of {domain(r['target'])}",
        f"said {r['from']}, TTL {duration(r['ttl_s'])}",
    )


@sentence("dns.answer")
def dns_answer(r: Record) -> Told:
    found = listed(map(domain, r["answers"])) if r["answers"] else r["rcode"]
    return Told(
        f"Answer: {domain(r['name'])} {r['type']} is {found}",
        f"from {r['from']}, TTL {duration(r['ttl_s'])}",
    )


@sentence("dns.authoritative")
def dns_authoritative(r: Record) -> Told:
    name, ttl = f"{domain(r['name'])} {r['type']}", f"TTL {duration(r['ttl_s'])}"
    mine = f"I answer for {_zone(r['zone'])}"
    if r["rcode"] != "NOERROR" or not r["answers"]:
        return Told(f"{mine}: there is no {name}", f"{r['rcode']}, {ttl}")
    answers = listed(map(domain, r["answers"]))
    if r.get("rule") == "referral":
        return Told(f"{mine}, but what is below has other name servers: {answers}", ttl)
    return Told(f"{mine}: {name} is {answers}", ttl)


def _zone(name: str) -> str:
    return "the root" if name == "." else domain(name)
