"""Why an ALB has answered with a status of its own: a closed vocabulary, each word with its status and one sentence.

A status code alone has several causes (a 502 has nine), and which of them it was decides what has to be mended.
Source of the pairs: ALB user guide, "Troubleshoot your Application Load Balancers".
"""

from enum import StrEnum


class Cause(StrEnum):
    """What made the load balancer answer by itself, or break an answer off."""

    MALFORMED_REQUEST = "MalformedRequest"
    HEADER_TOO_LONG = "HeaderTooLong"
    HEADERS_TOO_LONG = "HeadersTooLong"
    DESYNC_MITIGATION = "DesyncMitigation"
    CLIENT_CLOSED_MID_REQUEST = "ClientClosedMidRequest"
    TOKEN_REFUSED = "TokenRefused"
    NOT_AUTHENTICATED = "NotAuthenticated"
    WAF_BLOCKED = "WafBlocked"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    CLIENT_TIMEOUT = "ClientTimeout"
    REQUEST_LINE_TOO_LONG = "RequestLineTooLong"
    CLIENT_CLOSED = "ClientClosed"
    TOO_MANY_FORWARDED = "TooManyForwarded"
    HTTP1_TO_HTTP2_TARGETS = "Http1ToHttp2Targets"
    HTTP1_TO_GRPC_TARGETS = "Http1ToGrpcTargets"
    GRPC_TO_HTTP1_TARGETS = "GrpcToHttp1Targets"
    GRPC_NEEDS_POST = "GrpcNeedsPost"
    WAF_FAILED = "WafFailed"
    IDENTITY_PROVIDER_UNREACHABLE = "IdentityProviderUnreachable"
    CLAIMS_TOO_LARGE = "ClaimsTooLarge"
    JWKS_UNUSABLE = "JwksUnusable"
    TRANSFORM_FAILED = "TransformFailed"
    UNSUPPORTED_TRANSFER_ENCODING = "UnsupportedTransferEncoding"
    UNSUPPORTED_VERSION = "UnsupportedVersion"
    REDIRECT_TOO_LONG = "RedirectTooLong"
    TARGET_REFUSED_CONNECTION = "TargetRefusedConnection"
    TARGET_UNREACHABLE = "TargetUnreachable"
    TARGET_CLOSED_CONNECTION = "TargetClosedConnection"
    TARGET_RESET_CONNECTION = "TargetResetConnection"
    TARGET_RESET_STREAM = "TargetResetStream"
    MALFORMED_RESPONSE = "MalformedResponse"
    RESPONSE_HEADERS_TOO_LONG = "ResponseHeadersTooLong"
    DEREGISTRATION_DELAY_ELAPSED = "DeregistrationDelayElapsed"
    TARGET_TLS_FAILED = "TargetTlsFailed"
    NO_TARGETS = "NoTargets"
    ALL_TARGETS_UNUSED = "AllTargetsUnused"
    ZONE_WITHOUT_TARGETS = "ZoneWithoutTargets"
    CONNECT_TIMEOUT = "ConnectTimeout"
    TARGET_TLS_TIMEOUT = "TargetTlsTimeout"
    RESPONSE_TIMEOUT = "ResponseTimeout"
    INCOMPLETE_RESPONSE = "IncompleteResponse"
    IDENTITY_PROVIDER_ERROR = "IdentityProviderError"
    JWKS_INVALID = "JwksInvalid"

    @property
    def status(self) -> int:
        """The status of the load balancer's answer; where an answer had begun, the client sees it break off instead."""
        return _MEANINGS[self][0]

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        return _MEANINGS[self][1]


_MEANINGS: dict[Cause, tuple[int, str]] = {
    Cause.MALFORMED_REQUEST: (400, "The request does not follow the HTTP specification."),
    Cause.HEADER_TOO_LONG: (400, "A header of the request is longer than 16 KB."),
    Cause.DESYNC_MITIGATION: (400, "The desync mitigation mode does not let a request like this pass."),
    Cause.CLIENT_CLOSED_MID_REQUEST: (
        400,
        "The client closed the connection before it had sent its whole request.",
    ),
    Cause.TOKEN_REFUSED: (401, "The rule validates tokens (JWT), and the request's is missing or not valid."),
    Cause.NOT_AUTHENTICATED: (
        401,
        "The rule authenticates users, and this one's login is missing or not valid.",
    ),
    Cause.WAF_BLOCKED: (403, "AWS WAF blocked the request."),
    Cause.METHOD_NOT_ALLOWED: (405, "The method is TRACE, which a load balancer does not allow."),
    Cause.CLIENT_TIMEOUT: (
        408,
        "The client sent no data for a whole idle timeout in the middle of its request.",
    ),
    # AWS names the limits on headers under 400 and under 413 alike; here one header is a 400, all together are a 413.
    Cause.HEADERS_TOO_LONG: (413, "The headers of the request are longer than 64 KB together."),
    Cause.REQUEST_LINE_TOO_LONG: (414, "The request's URL is longer than 16 KB."),
    Cause.CLIENT_CLOSED: (460, "The client closed the connection while its request was in progress."),
    Cause.TOO_MANY_FORWARDED: (463, "X-Forwarded-For carries more than 30 addresses."),
    Cause.HTTP1_TO_HTTP2_TARGETS: (
        464,
        "The request is HTTP/1, and the target group's protocol version HTTP2.",
    ),
    Cause.HTTP1_TO_GRPC_TARGETS: (
        464,
        "The request is HTTP/1, and the target group's protocol version gRPC.",
    ),
    Cause.GRPC_TO_HTTP1_TARGETS: (464, "The request is gRPC, and the target group's protocol version HTTP1."),
    Cause.GRPC_NEEDS_POST: (464, "The target group's protocol version is gRPC, and the method is not POST."),
    Cause.WAF_FAILED: (500, "AWS WAF gave no verdict, and waf.fail_open.enabled is false."),
    Cause.IDENTITY_PROVIDER_UNREACHABLE: (
        500,
        "The identity provider's token or user info endpoint cannot be reached, or took longer than 5 s.",
    ),
    Cause.CLAIMS_TOO_LARGE: (500, "The identity provider's claims about the user are larger than 11 KB."),
    Cause.JWKS_UNUSABLE: (
        500,
        "The JWKS endpoint cannot be reached, took longer than 5 s, or has more than 150 KB or 10 keys.",
    ),
    Cause.TRANSFORM_FAILED: (500, "What a transform of the rule made of the request cannot be asked for."),
    Cause.UNSUPPORTED_TRANSFER_ENCODING: (501, "Transfer-Encoding is neither chunked nor identity."),
    Cause.UNSUPPORTED_VERSION: (505, "The request has a version of HTTP that is not expected here."),
    Cause.REDIRECT_TOO_LONG: (507, "The URL of the redirect is longer than 8 KB."),
    Cause.TARGET_REFUSED_CONNECTION: (502, "The target answered the connection attempt with a RST."),
    Cause.TARGET_UNREACHABLE: (502, "The network answered the connection attempt with ICMP unreachable."),
    Cause.TARGET_CLOSED_CONNECTION: (
        502,
        "The target closed the connection (FIN) while it had a request to answer.",
    ),
    Cause.TARGET_RESET_CONNECTION: (
        502,
        "The target reset the connection (RST) while it had a request to answer.",
    ),
    Cause.TARGET_RESET_STREAM: (502, "The target reset the HTTP/2 stream of the request."),
    Cause.MALFORMED_RESPONSE: (502, "The target's response is malformed."),
    Cause.RESPONSE_HEADERS_TOO_LONG: (502, "The headers of the target's response are longer than 32 KB."),
    Cause.DEREGISTRATION_DELAY_ELAPSED: (
        502,
        "The target was deregistered, and the deregistration delay elapsed while it had the request.",
    ),
    Cause.TARGET_TLS_FAILED: (502, "The TLS handshake with the target failed."),
    Cause.NO_TARGETS: (503, "The target group has no registered targets."),
    Cause.ALL_TARGETS_UNUSED: (
        503,
        "No registered target is in use: none has passed its first health checks.",
    ),
    Cause.ZONE_WITHOUT_TARGETS: (503, "Cross-zone load balancing is off, and this zone has no targets."),
    Cause.CONNECT_TIMEOUT: (504, "No connection to the target was established within 10 s."),
    Cause.TARGET_TLS_TIMEOUT: (504, "The TLS handshake with the target took longer than 10 s."),
    Cause.RESPONSE_TIMEOUT: (504, "The target did not answer within the idle timeout."),
    Cause.INCOMPLETE_RESPONSE: (
        504,
        "The target sent less content than Content-Length said, then nothing more.",
    ),
    Cause.IDENTITY_PROVIDER_ERROR: (561, "The identity provider returned an error."),
    Cause.JWKS_INVALID: (562, "The JWKS endpoint answered with an error, or with what is no key set."),
}
