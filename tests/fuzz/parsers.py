"""All parsers there are; `tests/fuzz/test_parsers.py` sees that none is missing."""

from tests.fuzz import packets, speakers, texts, web
from tests.fuzz.parser import Parser

PARSERS: dict[str, Parser] = {
    parser.name: parser for parser in (*packets.PARSERS, *web.PARSERS, *texts.PARSERS, *speakers.PARSERS)
}
_HTTP1 = "protocols.http1.responses.ResponseReader.feed"
_H2_CLIENT, _H2_SERVER = (f"protocols.http2.{end}Engine.receive_data" for end in ("Client", "Server"))
_REWRITTEN = "protocols.nat.engine.Nat.outbound"

ELSEWHERE = {
    "parts.clients.proxy.ProxyGuest.data_received": "protocols.socks5.SocksServer.feed",
    "parts.clients.upstream.Upstream.data_received": _HTTP1,
    "parts.clients.visitor.Visitor.data_received": "protocols.http1.requests.RequestReader.feed",
    "parts.bgp.Connection.data_received": "protocols.bgp.speaker.Speaker.receive",
    "parts.dhcp_service.DhcpService.datagram_received": "protocols.dhcp.server.DhcpServer.handle",
    "parts.dhcp_udp.DhcpInterface.datagram_received": "protocols.dhcp.client.DhcpClient.handle",
    "parts.dns_asking._Datagrams.datagram_received": "wire.dns.decode",
    "parts.dns_asking._Stream.data_received": "protocols.dns.framing.MessageReader.feed",
    "parts.dns_serving.TcpDoor.data_received": "protocols.dns.framing.MessageReader.feed",
    "parts.dns_serving.UdpDoor.datagram_received": "wire.dns.decode_query",
    "parts.h2_client.H2Connection.data_received": _H2_CLIENT,
    "parts.http_probe.HttpProbe.data_received": _HTTP1,
    "parts.https_client._Exchange.data_received": _HTTP1,
    "parts.load_balancer.client.ClientConnection.data_received": "protocols.http1.requests.RequestReader.feed",
    "parts.load_balancer.h2_client.H2Client.data_received": _H2_SERVER,
    "parts.load_balancer.h2_probe.H2Probe.data_received": _H2_CLIENT,
    "parts.load_balancer.h2_target.H2TargetConnection.data_received": _H2_CLIENT,
    "parts.load_balancer.target.TargetConnection.data_received": _HTTP1,
    "parts.pod.nginx_connection.NginxConnection.data_received": "protocols.http1.requests.RequestReader.feed",
    "protocols.aws.scalars.read": "protocols.aws.rest.read_request",
    "protocols.bgp.messages.frame_length": "protocols.bgp.messages.Stream.feed",
    "protocols.bgp.session.Session.feed": "protocols.bgp.speaker.Speaker.receive",
    "protocols.flows.is_echo": _REWRITTEN,
    "protocols.nat.engine.Nat.settled_inbound": "protocols.nat.engine.Nat.inbound",
    "protocols.nat.engine.Nat.settled_outbound": _REWRITTEN,
    "protocols.nat.rewrite.EchoRewrite.apply": _REWRITTEN,
    "protocols.nat.rewrite.Ready.apply": _REWRITTEN,
    "protocols.nat.rewrite.Rewrite.apply": _REWRITTEN,
    "protocols.tcp.arrival.segment_arrives": "protocols.tcp.connection.Connection.on_segment",
}
"""What hands its bytes on, and to which parser (or is only called by it)."""

NONE_AT_ALL = {
    "parts.clients.relay.End.data_received": "content, which is passed on",
    "parts.clients.tunnel.Tunnel.data_received": "content, which is passed on",
    "parts.load_balancer.h2_stream.H2Stream.data_received": "content that the engine has taken apart",
    "parts.pod.app_server.Connection.data_received": "aiohttp's, which takes it apart",
    "protocols.bgp.neighbour.Neighbour.send": "sends",
    "protocols.bgp.neighbour.Owner.transmit": "sends",
    "protocols.bgp.session.Host.send": "sends",
    "protocols.bgp.speaker.Speaker.transmit": "sends",
    "protocols.bgp.speaker.Surroundings.transmit": "sends",
    "protocols.dns.framing.framed": "sends",
    "protocols.http2.request_headers": "sends",
    "protocols.icmp.time_exceeded": "quotes",
    "protocols.icmp.unreachable": "quotes",
    "protocols.log_text.quoted": "writes",
    "protocols.tcp.connection.Connection.send": "sends",
    "protocols.tcp.host.ConnectionHost.on_data": "content, for the application",
    "stack.secure.TlsConnection.data_received": "OpenSSL reads it; tests/fuzz/test_connections.py",
    "wire.checksum.checksum": "a sum of any bytes",
    "wire.checksum.transport_checksum": "a sum of any bytes",
    "wire.checksum.word_sum": "a sum of any bytes",
    "wire.pcapng.Capture.frame": "writes",
}
"""What looks like a parser by its name, and why it is none."""
