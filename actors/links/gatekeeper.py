"""Who may connect to a process's sockets over tcp.

libzmq lets everybody in who knows a server's public key, unless a ZAP handler (RFC 27/ZAP) says no: the gatekeeper.
"""

from collections.abc import Iterable

import zmq

from actors.links.junk import log_junk
from actors.links.zeromq import DrainedSocket

ZAP_ADDRESS = "inproc://zeromq.zap.01"


class Gatekeeper:
    """Answers libzmq's question who may connect to the sockets of one context; make it before they are bound."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", allowed: Iterable[bytes]) -> None:
        """`allowed`: public keys, as Z85."""
        from zmq.utils import z85

        self._allowed = {z85.decode(key) for key in allowed}
        self.refused = 0
        socket = context.socket(zmq.REP)
        socket.bind(ZAP_ADDRESS)
        self._line = DrainedSocket(socket, self._on_question, multipart=True)

    def _on_question(self, parts: list[bytes]) -> None:
        number, address, mechanism, credentials = parts[1], parts[3], parts[5], parts[6:]
        known = mechanism == b"CURVE" and len(credentials) == 1 and credentials[0] in self._allowed
        verdict = (b"200", b"OK") if known else (b"400", b"unknown key")
        if not known:
            self.refused += 1
            who = f"{address.decode(errors='replace')} with an unknown key"
            log_junk("actors", self.refused, PermissionError(who))
        self._line.socket.send_multipart([b"1.0", number, *verdict, b"", b""], zmq.NOBLOCK)
        self._line.look_again()

    def close(self) -> None:
        self._line.close()
