"""TCP and TLS: how two hosts come to agree, and where that fails."""

from orchestrator.journal.sentences.table import Record, Told, sentence
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
    again = f"Nothing heard from {r['remote']}: sends {r['segment']} again, for the {r['attempt']}. time"
    return Told(again, f"will wait {milliseconds(r['next_timeout_ms'])} now")


@sentence("tcp.reset")
def tcp_reset(r: Record) -> Told:
    verb = "Sends a reset (RST) to" if r["direction"] == "sent" else "Has got a reset (RST) from"
    return Told(f"{verb} {r['remote']}", r["reason"])


@sentence("tcp.closed")
def tcp_closed(r: Record) -> Told:
    return Told(f"TCP connection with {r['remote']} closed", r["reason"])


@sentence("tls.established")
def tls_established(r: Record) -> Told:
    took = f"{r['version']} with {r['cipher']}, handshake {milliseconds(r['handshake_ms'])}"
    certificate = r.get("certificate")
    if r["role"] == "client":
        return Told(f"TLS established: {r['server_name']} has shown its certificate ({certificate})", took)
    return Told(f"TLS established as {r['server_name']}", took)
