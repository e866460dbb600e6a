"""Why an ALB has answered with a status of its own: a closed vocabulary, each word with its status and one sentence.

A status code alone has several causes (a 502 has nine), and which of them it was decides what has to be mended.
Source of the pairs: ALB user guide, "Troubleshoot your Application Load Balancers".
"""

from enum import StrEnum
from typing import Self


class Cause(StrEnum):
    """What made the load balancer answer by itself, or break an answer off."""

    status: int
    """Of the load balancer's answer; where an answer had begun, the client sees it break off instead."""
    sentence: str
    """What happened, for people."""

    def __new__(cls, word: str, status: int, sentence: str) -> Self:
        cause = str.__new__(cls, word)
        cause._value_ = word
        cause.status = status
        cause.sentence = sentence
        return cause

    MALFORMED_REQUEST = "MalformedRequest", 400, "The request does not follow the HTTP specification."
    HEADER_TOO_LONG = "HeaderTooLong", 400, "A header of the request is longer than 16 KB."
    DESYNC_MITIGATION = (
        "DesyncMitigation",
        400,
        "The desync mitigation mode does not let a request like this pass.",
    )
    CLIENT_CLOSED_MID_REQUEST = (
        "ClientClosedMidRequest",
        400,
        "The client closed the connection before it had sent its whole request.",
    )
    TOKEN_REFUSED = (
        "TokenRefused",
        401,
        "The rule validates tokens (JWT), and the request's is missing or not valid.",
    )
    NOT_AUTHENTICATED = (
        "NotAuthenticated",
        401,
        "The rule authenticates users, and this one's login is missing or not valid.",
    )
    WAF_BLOCKED = "WafBlocked", 403, "AWS WAF blocked the request."
    METHOD_NOT_ALLOWED = "MethodNotAllowed", 405, "The method is TRACE, which a load balancer does not allow."
    CLIENT_TIMEOUT = (
        "ClientTimeout",
        408,
        "The client sent no data for a whole idle timeout in the middle of its request.",
    )
    # AWS names the limits on headers under 400 and under 413 alike; here one header is a 400, all together are a 413.
    HEADERS_TOO_LONG = "HeadersTooLong", 413, "The headers of the request are longer than 64 KB together."
    REQUEST_LINE_TOO_LONG = "RequestLineTooLong", 414, "The request's URL is longer than 16 KB."
    CLIENT_CLOSED = "ClientClosed", 460, "The client closed the connection while its request was in progress."
    TOO_MANY_FORWARDED = "TooManyForwarded", 463, "X-Forwarded-For carries more than 30 addresses."
    HTTP1_TO_HTTP2_TARGETS = (
        "Http1ToHttp2Targets",
        464,
        "The request is HTTP/1, and the target group's protocol version HTTP2.",
    )
    HTTP1_TO_GRPC_TARGETS = (
        "Http1ToGrpcTargets",
        464,
        "The request is HTTP/1, and the target group's protocol version gRPC.",
    )
    GRPC_TO_HTTP1_TARGETS = (
        "GrpcToHttp1Targets",
        464,
        "The request is gRPC, and the target group's protocol version HTTP1.",
    )
    GRPC_NEEDS_POST = (
        "GrpcNeedsPost",
        464,
        "The target group's protocol version is gRPC, and the method is not POST.",
    )
    WAF_FAILED = "WafFailed", 500, "AWS WAF gave no verdict, and waf.fail_open.enabled is false."
    IDENTITY_PROVIDER_UNREACHABLE = (
        "IdentityProviderUnreachable",
        500,
        "The identity provider's token or user info endpoint cannot be reached, or took longer than 5 s.",
    )
    CLAIMS_TOO_LARGE = (
        "ClaimsTooLarge",
        500,
        "The identity provider's claims about the user are larger than 11 KB.",
    )
    JWKS_UNUSABLE = (
        "JwksUnusable",
        500,
        "The JWKS endpoint cannot be reached, took longer than 5 s, or has more than 150 KB or 10 keys.",
    )
    TRANSFORM_FAILED = (
        "TransformFailed",
        500,
        "What a transform of the rule made of the request cannot be asked for.",
    )
    UNSUPPORTED_TRANSFER_ENCODING = (
        "UnsupportedTransferEncoding",
        501,
        "Transfer-Encoding is neither chunked nor identity.",
    )
    UNSUPPORTED_VERSION = (
        "UnsupportedVersion",
        505,
        "The request has a version of HTTP that is not expected here.",
    )
    REDIRECT_TOO_LONG = "RedirectTooLong", 507, "The URL of the redirect is longer than 8 KB."
    TARGET_REFUSED_CONNECTION = (
        "TargetRefusedConnection",
        502,
        "The target answered the connection attempt with a RST.",
    )
    TARGET_UNREACHABLE = (
        "TargetUnreachable",
        502,
        "The network answered the connection attempt with ICMP unreachable.",
    )
    TARGET_CLOSED_CONNECTION = (
        "TargetClosedConnection",
        502,
        "The target closed the connection (FIN) while it had a request to answer.",
    )
    TARGET_RESET_CONNECTION = (
        "TargetResetConnection",
        502,
        "The target reset the connection (RST) while it had a request to answer.",
    )
    TARGET_RESET_STREAM = "TargetResetStream", 502, "The target reset the HTTP/2 stream of the request."
    MALFORMED_RESPONSE = "MalformedResponse", 502, "The target's response is malformed."
    RESPONSE_HEADERS_TOO_LONG = (
        "ResponseHeadersTooLong",
        502,
        "The headers of the target's response are longer than 32 KB.",
    )
    DEREGISTRATION_DELAY_ELAPSED = (
        "DeregistrationDelayElapsed",
        502,
        "The target was deregistered, and the deregistration delay elapsed while it had the request.",
    )
    TARGET_TLS_FAILED = "TargetTlsFailed", 502, "The TLS handshake with the target failed."
    NO_TARGETS = "NoTargets", 503, "The target group has no registered targets."
    ALL_TARGETS_UNUSED = (
        "AllTargetsUnused",
        503,
        "No registered target is in use: none has passed its first health checks.",
    )
    ZONE_WITHOUT_TARGETS = (
        "ZoneWithoutTargets",
        503,
        "Cross-zone load balancing is off, and this zone has no targets.",
    )
    CONNECT_TIMEOUT = "ConnectTimeout", 504, "No connection to the target was established within 10 s."
    TARGET_TLS_TIMEOUT = "TargetTlsTimeout", 504, "The TLS handshake with the target took longer than 10 s."
    RESPONSE_TIMEOUT = "ResponseTimeout", 504, "The target did not answer within the idle timeout."
    INCOMPLETE_RESPONSE = (
        "IncompleteResponse",
        504,
        "The target sent less content than Content-Length said, then nothing more.",
    )
    IDENTITY_PROVIDER_ERROR = "IdentityProviderError", 561, "The identity provider returned an error."
    JWKS_INVALID = "JwksInvalid", 562, "The JWKS endpoint answered with an error, or with what is no key set."
