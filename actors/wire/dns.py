"""DNS messages (RFC 1035), by dnspython; what it objects to is `Malformed`.

A message here is a `dns.message.Message`: names, types and record sets as dnspython spells them. Two things are ours:
the order of records in a set is kept (dnspython shuffles by default, with dice of its own), and ids come from the
caller.
"""

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

Message = dns.message.Message
Name = dns.name.Name
RRset = dns.rrset.RRset
AA = dns.flags.AA
Rcode = dns.rcode.Rcode
Type = dns.rdatatype.RdataType

for _type in (Type.A, Type.AAAA, Type.CNAME, Type.NS, Type.SOA, Type.TXT):
    dns.rdata.get_rdata_class(dns.rdataclass.IN, _type)  # dnspython imports them when first met: milliseconds


def decode(data: bytes) -> Message:
    """Bytes of a UDP datagram as a message; raises `Malformed`."""
    try:
        return dns.message.from_wire(data)
    except Exception as error:  # dnspython parses some eighty record types, each with troubles of its own
        raise Malformed(f"not a DNS message: {type(error).__name__}: {error}") from None


def decode_query(data: bytes) -> Message:
    """As `decode`; a response is `Malformed` too, lest two servers answer each other for ever."""
    message = decode(data)
    if is_response(message):
        raise Malformed("a DNS response where a query belongs")
    return message


def encode(message: Message) -> bytes:
    """A message as the bytes of a UDP datagram."""
    return message.to_wire(want_shuffle=False)


def name(text: str) -> Name:
    """`packet-journey.com`, with or without its last dot, as an absolute name; raises `Malformed`."""
    try:
        return dns.name.from_text(text)
    except Exception as error:
        raise Malformed(f"{text!r} is not a domain name: {error}") from None


def text(name: Name) -> str:
    """A name as people write it: `packet-journey.com`, and `.` for the root."""
    return name.to_text(omit_final_dot=True)


def query(name: Name, rdtype: Type, query_id: int, *, recursion_desired: bool) -> Message:
    """A question for one record type of one name; `query_id` has 16 bits."""
    flags = dns.flags.RD if recursion_desired else 0
    return dns.message.make_query(name, rdtype, flags=flags, id=query_id)


def response(
    query: Message, rcode: Rcode = Rcode.NOERROR, *, authoritative: bool = False, recursive: bool = False
) -> Message:
    """The beginning of an answer to a query: its id, question and RD bit; AA and RA as told.

    It carries no OPT record: a server that does not speak EDNS answers so (RFC 6891 section 7).
    """
    message = dns.message.Message(id=query.id)
    message.flags = dns.flags.QR | (query.flags & dns.flags.RD)
    message.flags |= (dns.flags.AA if authoritative else 0) | (dns.flags.RA if recursive else 0)
    message.set_opcode(query.opcode())
    message.set_rcode(rcode)
    message.question = list(query.question)
    return message


def is_response(message: Message) -> bool:
    return bool(message.flags & dns.flags.QR)


def is_authoritative(message: Message) -> bool:
    return bool(message.flags & dns.flags.AA)


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
    if query.opcode() != dns.opcode.QUERY:
        return Rcode.NOTIMP
    if len(query.question) != 1:
        return Rcode.FORMERR
    question = query.question[0]
    if question.rdclass != dns.rdataclass.IN or dns.rdatatype.is_metatype(question.rdtype):
        return Rcode.REFUSED
    return None
