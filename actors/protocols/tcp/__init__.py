"""TCP as an engine: bytes and moments in, bytes and wishes out. Begin with `connection.py`."""

from actors.protocols.tcp.connection import NEVER, Connection
from actors.protocols.tcp.host import ConnectionHost
from actors.protocols.tcp.listener import Admission, Listener
from actors.protocols.tcp.settings import DEFAULTS, TcpSettings
from actors.protocols.tcp.states import MOVES, Event, LocalProtocolError, RemoteProtocolError, State

__all__ = [
    "DEFAULTS",
    "MOVES",
    "NEVER",
    "Admission",
    "Connection",
    "ConnectionHost",
    "Event",
    "Listener",
    "LocalProtocolError",
    "RemoteProtocolError",
    "State",
    "TcpSettings",
]
