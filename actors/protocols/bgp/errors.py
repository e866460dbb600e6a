"""What BGP calls an error: a code, a subcode and data for a NOTIFICATION (RFC 4271 sections 4.5 and 6, RFC 4486)."""

from enum import IntEnum


class Code(IntEnum):
    """Error codes of a NOTIFICATION (RFC 4271 section 4.5)."""

    MESSAGE_HEADER = 1
    OPEN_MESSAGE = 2
    UPDATE_MESSAGE = 3
    HOLD_TIMER_EXPIRED = 4
    FINITE_STATE_MACHINE = 5
    CEASE = 6
    SEND_HOLD_TIMER_EXPIRED = 8
    """RFC 9687."""


NOT_SYNCHRONIZED, BAD_LENGTH, BAD_TYPE = 1, 2, 3
"""Subcodes of MESSAGE_HEADER."""
BAD_VERSION, BAD_PEER_AS, BAD_IDENTIFIER, BAD_PARAMETER, BAD_HOLD_TIME, BAD_CAPABILITY = 1, 2, 3, 4, 6, 7
"""Subcodes of OPEN_MESSAGE; BAD_CAPABILITY is RFC 5492's."""
MALFORMED_ATTRIBUTES, UNKNOWN_WELL_KNOWN, BAD_NETWORK = 1, 2, 10
"""Subcodes of UPDATE_MESSAGE that end a session; what else can be wrong does not any more (RFC 7606)."""
MAX_PREFIXES, SHUTDOWN, DECONFIGURED, RESET, REJECTED, CONFIG_CHANGE, COLLISION, NO_RESOURCES = range(1, 9)
"""Subcodes of CEASE (RFC 4486)."""

_SUBCODES = {
    Code.MESSAGE_HEADER: {1: "connection not synchronized", 2: "bad message length", 3: "bad message type"},
    Code.OPEN_MESSAGE: {
        1: "unsupported version number",
        2: "bad peer AS",
        3: "bad BGP identifier",
        4: "unsupported optional parameter",
        6: "unacceptable hold time",
        7: "unsupported capability",
    },
    Code.UPDATE_MESSAGE: {
        1: "malformed attribute list",
        2: "unrecognized well-known attribute",
        3: "missing well-known attribute",
        4: "attribute flags error",
        5: "attribute length error",
        6: "invalid ORIGIN attribute",
        8: "invalid NEXT_HOP attribute",
        9: "optional attribute error",
        10: "invalid network field",
        11: "malformed AS_PATH",
    },
    Code.FINITE_STATE_MACHINE: {
        1: "unexpected message in OpenSent",
        2: "unexpected message in OpenConfirm",
        3: "unexpected message in Established",
    },
    Code.CEASE: {
        1: "maximum number of prefixes reached",
        2: "administrative shutdown",
        3: "peer de-configured",
        4: "administrative reset",
        5: "connection rejected",
        6: "other configuration change",
        7: "connection collision resolution",
        8: "out of resources",
    },
}


class BgpError(ValueError):
    """A peer broke the protocol (or a limit): the session ends with a NOTIFICATION that carries these."""

    def __init__(self, code: int, subcode: int, why: str, data: bytes = b"") -> None:
        super().__init__(why)
        self.code = code
        self.subcode = subcode
        self.data = data
        self.why = why


def error_text(code: int, subcode: int) -> str:
    """`3/11 UPDATE message: malformed AS_PATH`."""
    if code not in Code._value2member_map_:
        return f"{code}/{subcode} unknown error"
    name = Code(code).name.lower().replace("_", " ")
    detail = _SUBCODES.get(Code(code), {}).get(subcode)
    return f"{code}/{subcode} {name}: {detail}" if detail else f"{code}/{subcode} {name}"
