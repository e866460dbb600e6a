"""Captures as Wireshark reads them: pcapng (draft-ietf-opsawg-pcapng), one interface per link, times in nanoseconds.

Frames on emulated links may carry no TCP or UDP checksum, as behind a card that fills it in; here it is filled in. TLS
secrets go into the file too, and Wireshark decrypts by itself the packets that stand *behind* them: write the key log
first, when it is already there.
"""

from collections.abc import Iterable
from struct import Struct

from actors.wire import ethernet, ipv4, tcp, udp
from actors.wire.checksum import transport_checksum

_SECTION_HEADER = 0x0A0D0D0A
_INTERFACE_DESCRIPTION = 1
_ENHANCED_PACKET = 6
_DECRYPTION_SECRETS = 10
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_LINKTYPE_ETHERNET = 1
_TLS_KEY_LOG = 0x544C534B

_COMMENT, _IF_NAME, _USER_APPLICATION, _IF_TSRESOL = 1, 2, 4, 9
_NANOSECONDS = b"\x09"

_BLOCK = Struct("<II")
_LENGTH = Struct("<I")
_OPTION = Struct("<HH")
_SECTION = Struct("<IHHq")
_INTERFACE = Struct("<HHI")
_PACKET = Struct("<IIIII")
_SECRETS = Struct("<II")

_ADDRESSES = slice(ethernet.HEADER_BYTES + 12, ethernet.HEADER_BYTES + 20)
_FRAGMENT_BITS = 0x3FFF


class Capture:
    """The bytes of one capture file, block by block, in the order of the calls; the caller writes them."""

    def __init__(self) -> None:
        self._interfaces: dict[str, int] = {}

    def start(self, program: str = "packet-journey") -> bytes:
        """What the file begins with."""
        return _block(
            _SECTION_HEADER,
            _SECTION.pack(_BYTE_ORDER_MAGIC, 1, 0, -1),
            [(_USER_APPLICATION, program.encode())],
        )

    def frame(self, link: str, unix_ns: int, frame: bytes, journey: str | None = None) -> bytes:
        """A frame as it was seen on a link, its journey as the comment; before it, a link's first frame names it."""
        known = self._interfaces.get(link)
        if known is None:
            known = self._interfaces[link] = len(self._interfaces)
            return _interface(link) + _packet(known, unix_ns, with_checksums(frame), journey)
        return _packet(known, unix_ns, with_checksums(frame), journey)

    def tls_keys(self, key_log: bytes) -> bytes:
        """Lines of a TLS key log file (the SSLKEYLOGFILE format); they serve the packets behind them."""
        body = _SECRETS.pack(_TLS_KEY_LOG, len(key_log)) + _padded(key_log)
        return _block(_DECRYPTION_SECRETS, body)


def with_checksums(frame: bytes) -> bytes:
    """The frame with its TCP or UDP checksum filled in where that was left to the card; all others as they are.

    Fragments stay alone, for a checksum covers the whole packet, and so do packets quoted inside ICMP errors."""
    place = _checksum_place(frame)
    if place is None:
        return frame
    start, end, at, protocol = place
    source, destination = frame[_ADDRESSES][:4], frame[_ADDRESSES][4:]
    value = transport_checksum(source, destination, protocol, memoryview(frame)[start:end])
    if value == 0 and protocol == ipv4.UDP:
        value = 0xFFFF
    return b"%b%b%b" % (frame[:at], value.to_bytes(2), frame[at + 2 :])


def _checksum_place(frame: bytes) -> tuple[int, int, int, int] | None:
    """Where a missing checksum belongs: (start and end of the segment, offset of the field, protocol)."""
    header = ethernet.HEADER_BYTES
    if len(frame) < header + ipv4.HEADER_BYTES or frame[12:14] != b"\x08\x00" or frame[header] >> 4 != 4:
        return None
    start = header + ((frame[header] & 0x0F) << 2)
    end = header + int.from_bytes(frame[header + 2 : header + 4])
    protocol = frame[header + 9]
    if end > len(frame) or int.from_bytes(frame[header + 6 : header + 8]) & _FRAGMENT_BITS:
        return None
    if protocol == ipv4.TCP and end - start >= tcp.HEADER_BYTES:
        at = start + 16
    elif protocol == ipv4.UDP and end - start >= udp.HEADER_BYTES:
        at = start + 6
        end = min(end, start + int.from_bytes(frame[start + 4 : start + 6]))
    else:
        return None
    return None if frame[at : at + 2] != b"\0\0" else (start, end, at, protocol)


def _interface(link: str) -> bytes:
    body = _INTERFACE.pack(_LINKTYPE_ETHERNET, 0, 0)
    return _block(_INTERFACE_DESCRIPTION, body, [(_IF_NAME, link.encode()), (_IF_TSRESOL, _NANOSECONDS)])


def _packet(interface: int, unix_ns: int, frame: bytes, journey: str | None) -> bytes:
    length = len(frame)
    body = _PACKET.pack(interface, unix_ns >> 32, unix_ns & 0xFFFFFFFF, length, length) + _padded(frame)
    return _block(_ENHANCED_PACKET, body, [] if journey is None else [(_COMMENT, journey.encode())])


def _block(kind: int, body: bytes, options: Iterable[tuple[int, bytes]] = ()) -> bytes:
    parts = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    if parts:
        parts.append(bytes(4))  # opt_endofopt
    tail = b"".join(parts)
    total = _BLOCK.size + len(body) + len(tail) + _LENGTH.size
    return b"%b%b%b%b" % (_BLOCK.pack(kind, total), body, tail, _LENGTH.pack(total))


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
