"""DNS messages (RFC 1035) with EDNS(0) (RFC 6891), by dnspython; what it objects to is `Malformed`.

A message here is a `dns.message.Message`: names, types and record sets as dnspython spells them. Two things are ours:
the order of records in a set is kept (dnspython shuffles by default, with dice of its own), and ids come from the
caller.
"""

from functools import cache

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from actors.wire.malformed import Malformed

PORT = 53

PLAIN_UDP_BYTES = 512
"""The longest message by UDP for who does not speak EDNS (RFC 1035 section 4.2.1)."""

MAX_UDP_BYTES = 1232
"""The longest that we send by UDP, and say that we take: it crosses any link without fragments (DNS flag day 2020)."""

MAX_BYTES = 65_535
"""The longest message by TCP, whose length goes before it as two bytes."""

Message = dns.message.Message
Name = dns.name.Name
RRset = dns.rrset.RRset
AA = dns.flags.AA
Rcode = dns.rcode.Rcode
Type = dns.rdatatype.RdataType

for _type in (Type.A, Type.AAAA, Type.CNAME, Type.NS, Type.SOA, Type.TXT):
    dns.rdata.get_rdata_class(dns.rdataclass.IN, _type)  # dnspython imports them when first met: milliseconds


_MANY_RECORDS = 50
"""More than that are seldom in a message. What they may cost is 0.4 ms each, as long as modules are looked for."""
_MOST_KINDS = 500
"""Types and classes of records that are remembered; there are some ninety types."""


def decode(data: bytes) -> Message:
    """Bytes of a datagram, or of a framed message, as a message; raises `Malformed`."""
    if sum(data[6:12:2]) or sum(data[7:12:2]) > _MANY_RECORDS:
        _know_all_types()
    try:
        return dns.message.from_wire(data)
    except Exception as error:  # dnspython parses some eighty record types, each with troubles of its own
        raise Malformed(f"not a DNS message: {type(error).__name__}: {error}") from None
    finally:
        if len(_kinds) > _MOST_KINDS:
            _know_all_types()
            _forget_strange_kinds()


_kinds = dns.rdata._rdata_classes


@cache
def _know_all_types() -> None:
    """From now on no module is looked for when a type is met that has none. It takes 40 ms, so not before it must be.

    A stranger can have 5,000 such records in a message of 55 kB, and dnspython looks for two modules for each."""
    dns.rdata.load_all_types()


def _forget_strange_kinds() -> None:
    """dnspython remembers every pair of type and class that it meets: 800 bytes each, of which there are 2**32."""
    for kind in [each for each, found in _kinds.items() if found is dns.rdata.GenericRdata]:
        del _kinds[kind]


def decode_query(data: bytes) -> Message:
    """As `decode`; a response is `Malformed` too, lest two servers answer each other for ever."""
    message = decode(data)
    if is_response(message):
        raise Malformed("a DNS response where a query belongs")
    return message


def encode(message: Message, limit: int = MAX_BYTES) -> bytes:
    """A message as bytes. One of more than `limit` loses all its records and says so (TC): who wants them asks by TCP.

    None of them are left, as what is there might be taken for all there is (RFC 2181 section 9)."""
    try:
        return message.to_wire(max_size=limit, want_shuffle=False)
    except dns.exception.TooBig:
        return truncated(message).to_wire(want_shuffle=False)


def truncated(message: Message) -> Message:
    """The message without its records, and with TC."""
    short = dns.message.Message(id=message.id)
    short.flags = message.flags | dns.flags.TC
    short.question = list(message.question)
    short.opt = message.opt
    return short


def udp_limit(query: Message) -> int:
    """How long the answer to a query may be if it goes by UDP: what its sender takes, and what we send at most."""
    if query.edns < 0:
        return PLAIN_UDP_BYTES
    return min(max(query.payload, PLAIN_UDP_BYTES), MAX_UDP_BYTES)


def name(text: str) -> Name:
    """`packet-journey.com`, with or without its last dot, as an absolute name; raises `Malformed`."""
    try:
        return dns.name.from_text(text)
    except Exception as error:
        raise Malformed(f"{text!r} is not a domain name: {error}") from None


def record_type(text: str) -> Type:
    """`A`, `CNAME`, `TYPE65280`, ...; raises `Malformed` for what no question can ask for."""
    try:
        found = dns.rdatatype.from_text(text)
    except Exception as error:
        raise Malformed(f"{text!r} is not a type of DNS records: {error}") from None
    return found


def text(name: Name) -> str:
    """A name as people write it: `packet-journey.com`, and `.` for the root."""
    return name.to_text(omit_final_dot=True)


def query(name: Name, rdtype: Type, query_id: int, *, recursion_desired: bool, edns: bool = True) -> Message:
    """A question for one record type of one name; `query_id` has 16 bits.

    With EDNS it says that answers of 1232 bytes are welcome by UDP."""
    flags = dns.flags.RD if recursion_desired else 0
    message = dns.message.make_query(name, rdtype, flags=flags, id=query_id)
    message.use_edns(0 if edns else False, payload=MAX_UDP_BYTES)
    return message


def without_edns(query: Message) -> Message:
    """The same question for a server that does not know EDNS."""
    question = query.question[0]
    plain = dns.message.make_query(question.name, question.rdtype, flags=query.flags, id=query.id)
    plain.use_edns(False)
    return plain


def knows_no_edns(query: Message, response: Message) -> bool:
    """Whether a server turned a query down for its OPT record (RFC 6891 section 7): it may like it without."""
    return (
        query.edns >= 0
        and response.edns < 0
        and response.rcode() in (Rcode.FORMERR, Rcode.NOTIMP, Rcode.SERVFAIL)
    )


def response(
    query: Message, rcode: Rcode = Rcode.NOERROR, *, authoritative: bool = False, recursive: bool = False
) -> Message:
    """The beginning of an answer to a query: its id, question and RD bit; AA and RA as told.

    It carries an OPT record if the query does (RFC 6891 section 6.1.1), with its DO bit (RFC 3225 section 3).
    """
    message = dns.message.Message(id=query.id)
    message.flags = dns.flags.QR | (query.flags & dns.flags.RD)
    message.flags |= (dns.flags.AA if authoritative else 0) | (dns.flags.RA if recursive else 0)
    message.set_opcode(query.opcode())
    if query.edns >= 0:
        message.use_edns(0, query.ednsflags & dns.flags.DO, MAX_UDP_BYTES)
    message.set_rcode(rcode)
    message.question = list(query.question)
    return message


def is_response(message: Message) -> bool:
    return bool(message.flags & dns.flags.QR)


def is_authoritative(message: Message) -> bool:
    return bool(message.flags & dns.flags.AA)


def is_truncated(message: Message) -> bool:
    return bool(message.flags & dns.flags.TC)


def wants_recursion(message: Message) -> bool:
    return bool(message.flags & dns.flags.RD)


def answers(query: Message, message: Message) -> bool:
    """Whether the message is an answer to this very query: id, opcode and question agree (RFC 5452 section 9.1)."""
    return (
        is_response(message)
        and message.id == query.id
        and message.opcode() == query.opcode()
        and message.question == query.question
    )


def refusal(query: Message) -> Rcode | None:
    """The code with which any of our servers turns such a query down before looking at the name, if it does."""
    if query.edns > 0:
        return Rcode.BADVERS
    if query.opcode() != dns.opcode.QUERY:
        return Rcode.NOTIMP
    if len(query.question) != 1:
        return Rcode.FORMERR
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN or dns.rdatatype.is_metatype(question.rdtype):
        return Rcode.REFUSED
    return None
