"""DHCP and ARP: how a machine comes by its address, and by the MAC address of its neighbour."""

from orchestrator.journal.sentences.table import Record, Told, sentence
from orchestrator.journal.wording import duration, listed


@sentence("dhcp.lease")
def dhcp_lease(r: Record) -> Told:
    mine = f"My address is {r['address']}/{r['prefix_length']}, by lease for another {duration(r['remaining_s'])}"
    return Told(mine, f"from {r['server']}: router {r['router']}, DNS {listed(r['dns_servers'])}")


@sentence("dhcp.discover")
def dhcp_discover(r: Record) -> Told:
    return Told("DHCPDISCOVER to everyone: who has an address for me?")


@sentence("dhcp.pool")
def dhcp_pool(r: Record) -> Told:
    return Told(f"Picked {r['address']} from the pool: {r['why']}", f"{r['free']} free")


@sentence("dhcp.offer")
def dhcp_offer(r: Record) -> Told:
    return Told(f"DHCPOFFER: {r['address']}", f"from {r['server']}")


@sentence("dhcp.request")
def dhcp_request(r: Record) -> Told:
    return Told(f"DHCPREQUEST: I take {r['address']}", f"from {r['server']}" if r.get("server") else "")


@sentence("dhcp.ack")
def dhcp_ack(r: Record) -> Told:
    lease = f"for {duration(r['lease_s'])}, " if "lease_s" in r else ""
    return Told(f"DHCPACK: {r['address']} is leased", f"{lease}by {r['server']}")


@sentence("dhcp.nak")
def dhcp_nak(r: Record) -> Told:
    return Told("DHCPNAK: refused", r.get("why", ""))


@sentence("arp.request")
def arp_request(r: Record) -> Told:
    return Told(f"ARP, to everyone on the link: who has {r['address']}?")


@sentence("arp.reply")
def arp_reply(r: Record) -> Told:
    return Told(f"ARP: {r['address']} is me", f"at {r['mac']}")


@sentence("arp.resolved")
def arp_resolved(r: Record) -> Told:
    how = {
        "cache": "remembered from an earlier ARP reply",
        "reply": "by ARP reply",
        "static": "by a static entry",
        "proxy": "answered by a proxy for it",
    }
    return Told(f"{r['address']} is at {r['mac']}", how.get(str(r["source"]), str(r["source"])))


@sentence("arp.conflict")
def arp_conflict(r: Record) -> Told:
    return Told(f"Somebody else uses my address {r['address']}", f"{r['mac']}, seen on port {r['port']}")
