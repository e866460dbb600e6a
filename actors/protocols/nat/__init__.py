"""Network address and port translation (NAPT): many inside addresses share one outside address.

How this works. The first packet of an inside endpoint (address and port) gets a mapping to an outside port; all that
it then sends, to whomever, goes out under that port: mapping is endpoint-independent (RFC 4787 REQ-1), unless the
settings want a port for each remote address or endpoint ("symmetric"). Each remote endpoint it talks to is a session of
that mapping. Who else may come in by a mapped port is what filtering says: by default nobody (address- and
port-dependent, as on Linux home routers); or whoever has an address that was talked to; or anybody, which RFC 4787
REQ-8 recommends for games and calls. The inside port is preserved when it is free and in range, or else, for UDP,
whether it is even; ports are never shared.

For each direction there is one dictionary from the 13 bytes that name a flow (see `flows`) to a `Rewrite`, which has
the translated addresses and ports and the difference that they make to the checksums. A settled session costs one
lookup and some slicing; FIN, SYN, RST, echoes and errors take the careful way. States and timeouts are the connection
tracker's: RFC 5382's transitory timeout until the other side has answered and after the first FIN or RST, else the
established one. TCP in the middle of a connection opens a session too (as Linux does, `nf_conntrack_tcp_loose`), so
connections outlive a router that has lost its memory, for their ports are preserved. When the table is full, what has
been silent for too long goes, then the session that closed first; only then is a new one refused.

A packet from inside to a mapped port of the outside address is hairpinned: translated outwards and inwards, with what
mapping and filtering say for each, so that both ends see outside addresses only (RFC 4787 REQ-9).

Left out: packets with IP options, other protocols than TCP, UDP and ICMP. Fragments are handed back as such, to be put
together first (RFC 4787 REQ-14).
"""

from actors.protocols.nat.engine import Behaviour, Nat, Refusal, Settings, Translation
from actors.protocols.nat.rewrite import Session

__all__ = ["Behaviour", "Nat", "Refusal", "Session", "Settings", "Translation"]
