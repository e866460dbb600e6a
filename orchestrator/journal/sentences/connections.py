"""TCP and TLS: how two hosts come to agree, and where that fails."""

from orchestrator.journal.sentences.table import Record, Told, says, sentence
from orchestrator.journal.wording import listed, milliseconds


@sentence("tcp.connect")
def tcp_connect(r: Record) -> Told:
    if "candidates" in r:
        return Told(f"Will talk to {r['remote']}", f"one of {listed(r['candidates'])}")
    return Told(f"Opens a TCP connection to {r['remote']}: SYN")


@sentence("tcp.established")
def tcp_established(r: Record) -> Told:
    scale = r.get("window_scale")
    window = f", window scale {scale}" if scale is not None else ""
    agreed = f"handshake {milliseconds(r['handshake_ms'])}, segments up to {r['mss_bytes']} bytes{window}"
    verb = " with" if r["role"] == "client" else ", accepted from"
    return Told(f"TCP established{verb} {r['remote']}", agreed)


@sentence("tcp.listen_queue")
def tcp_listen_queue(r: Record) -> Told:
    queues = f"{r['syn_queue']} in the SYN queue, {r['accept_queue']} of {r['backlog']} in the accept queue"
    return Told(f"SYN from {r['remote']} at port {r['port']}: {r['decision'].replace('_', ' ')}", queues)


@sentence("tcp.retransmit")
def tcp_retransmit(r: Record) -> Told:
    if r["reason"] != "timeout":
        return Told(f"Sends {r['segment']} again to {r['remote']}, {r['bytes']} bytes", f"by {r['reason']}")
    again = f"Nothing heard from {r['remote']}: sends {r['segment']} again"
    if r["attempt"]:
        again += f", for the {r['attempt']}. time"
    return Told(again, f"will wait {milliseconds(r['next_timeout_ms'])} now")


@sentence("tcp.recovery")
def tcp_recovery(r: Record) -> Told:
    found = {
        "fast retransmit": f"Acknowledgments from {r['remote']} show a gap: something was lost",
        "timeout": f"No acknowledgment from {r['remote']} in time: takes all in flight for lost",
        "path MTU": f"The way to {r['remote']} takes shorter packets: what did not fit was lost",
    }[r["cause"]]
    window = f"{r['in_flight_bytes']} bytes in flight, {r['lost_bytes']} before the gap's end"
    return Told(found, f"{window}; {r['congestion_control']} lowers its window to {r['cwnd_bytes']} bytes")


@sentence("tcp.recovered")
def tcp_recovered(r: Record) -> Told:
    if r["outcome"] == "undone":
        return Told(
            f"Nothing was lost on the way to {r['remote']}, only late",
            f"the window is {r['cwnd_bytes']} bytes again",
        )
    return Told(f"{r['remote']} has all that was in flight", f"the window is {r['cwnd_bytes']} bytes")


@sentence("tcp.probe")
def tcp_probe(r: Record) -> Told:
    why = {
        "tail loss": "has acknowledged nothing for two round trips",
        "zero window": "has had no room for long",
        "keepalive": "has said nothing for long",
    }[r["probe"]]
    return Told(f"{r['remote']} {why}: probes it", f"{r['probe']} probe {r['attempt']}")


@sentence("tcp.reset")
def tcp_reset(r: Record) -> Told:
    verb = "Sends a reset (RST) to" if r["direction"] == "sent" else "Has got a reset (RST) from"
    return Told(f"{verb} {r['remote']}", r["reason"])


says("tcp.closed", "TCP connection with {remote} closed", "{reason}")


@sentence("tls.established")
def tls_established(r: Record) -> Told:
    took = f"{r['version']} with {r['cipher']}, handshake {milliseconds(r['handshake_ms'])}"
    certificate = r.get("certificate")
    if r["role"] == "client":
        return Told(f"TLS established: {r['server_name']} has shown its certificate ({certificate})", took)
    return Told(f"TLS established as {r['server_name']}", took)
