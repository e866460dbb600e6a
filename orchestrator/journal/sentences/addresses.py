"""DHCP and ARP: how a machine comes by its address, and by the MAC address of its neighbour."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import duration, listed


@sentence("dhcp.lease")
def dhcp_lease(r: Record) -> Told:
    mine = f"My address is {r['address']}/{r['prefix_length']}, by lease for another {duration(r['remaining_s'])}"
    return Told(mine, f"from {r['server']}: router {r['router']}, DNS {listed(r['dns_servers'])}")


@sentence("dhcp.discover")
def dhcp_discover(r: Record) -> Told:
    again = f"asked {r['attempt']} times by now" if r.get("attempt", 1) > 1 else ""
    return Told("DHCPDISCOVER to everyone: who has an address for me?", again)


says("dhcp.pool", "{address} in the pool: {why}", "{free} free")


@sentence("dhcp.exhausted")
def dhcp_exhausted(r: Record) -> Told:
    who = f"{r['host_name']} ({r['mac']})" if r.get("host_name") else r["mac"]
    by_what = ", ".join(f"{r[each]} {each}" for each in ("leased", "offered", "declined") if r[each])
    taken = f"all {r['pool']} of the pool are taken: {by_what}"
    soon = r["next_free_s"]
    return Told(
        f"No address is left for {who}", taken if soon is None else f"{taken}; next in {duration(soon)}"
    )


says("dhcp.offer", "DHCPOFFER: {address}", "from server {server}")
says("dhcp.request", "DHCPREQUEST: {address}, please", "to server {server}")


@sentence("dhcp.ack")
def dhcp_ack(r: Record) -> Told:
    lease = f"DHCPACK: {r['address']} is leased for {duration(r['lease_s'])}"
    return Told(lease, f"to {r['mac']}" if "mac" in r else f"by server {r['server']}")


says("dhcp.nak", "DHCPNAK: that address is refused", "{why}")
says("dhcp.lost", "{address} is mine no longer", "{why}")


@sentence("dhcp.decline")
def dhcp_decline(r: Record) -> Told:
    said = f"DHCPDECLINE: {r['address']} is somebody else's already"
    return Told(said, f"used by {r['used_by']}" if "used_by" in r else f"says {r['mac']}")


@sentence("dhcp.release")
def dhcp_release(r: Record) -> Told:
    return Told(
        f"DHCPRELEASE: {r['address']} is given back", f"by {r['mac']}" if "mac" in r else f"to {r['server']}"
    )


says("dhcp.expired", "The lease of {address} has expired", "it was {mac}'s; {free} free")
says("arp.request", "ARP, to everyone on the link: who has {address}?")
says("arp.reply", "ARP: {address} is me", "at {mac}")


@sentence("arp.resolved")
def arp_resolved(r: Record) -> Told:
    how = {
        "cache": "remembered from an earlier ARP reply",
        "reply": "by ARP reply",
        "static": "by a static entry",
        "proxy": "answered by a proxy for it",
    }
    return Told(f"{r['address']} is at {r['mac']}", how.get(str(r["source"]), str(r["source"])))


says("arp.conflict", "Somebody else uses my address {address}", "{mac}, seen on port {port}")
