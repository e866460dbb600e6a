"""How authentication fails: the status that the client gets, and the reason that the access log has."""

from enum import StrEnum


class Reason(StrEnum):
    """Values of the access log's `error_reason` (ALB user guide, "Access logs": error reason codes).

    The guide prints none for a JWKS endpoint in trouble; the last three are ours."""

    JWT_HEADER_NOT_PRESENT = "JWTHeaderNotPresent"
    JWT_REQUEST_FORMAT_INVALID = "JWTRequestFormatInvalid"
    JWT_SIGNATURE_VALIDATION_FAILED = "JWTSignatureValidationFailed"
    JWT_CLAIM_NOT_PRESENT = "JWTClaimNotPresent"
    JWT_CLAIM_FORMAT_INVALID = "JWTClaimFormatInvalid"
    INVALID_COOKIE = "AuthInvalidCookie"
    INVALID_NONCE = "AuthInvalidAWSALBAuthNonce"
    MISSING_NONCE = "AuthMissingAWSALBAuthNonce"
    INVALID_STATE = "AuthInvalidStateParam"
    MISSING_STATE = "AuthMissingStateParam"
    MISSING_CODE = "AuthMissingCodeParam"
    MISSING_HOST = "AuthMissingHostHeader"
    INVALID_GRANT = "AuthInvalidGrantError"
    INVALID_ID_TOKEN = "AuthInvalidIdToken"
    INVALID_TOKEN_RESPONSE = "AuthInvalidTokenResponse"
    TOKEN_FAILED = "AuthTokenEpRequestFailed"
    TOKEN_TIMEOUT = "AuthTokenEpRequestTimeout"
    INVALID_USER_INFO = "AuthInvalidUserinfoResponse"
    USER_INFO_FAILED = "AuthUserinfoEpRequestFailed"
    USER_INFO_TIMEOUT = "AuthUserinfoEpRequestTimeout"
    USER_INFO_TOO_LARGE = "AuthUserinfoResponseSizeExceeded"
    DENIED = "AuthUnauthenticated"
    JWKS_UNREACHABLE = "JWKSEndpointUnreachable"
    JWKS_INVALID = "JWKSResponseInvalid"


class Denied(Exception):
    """The request is not let through: `status` is 401, 500, 561 or 562, `sentence` says why."""

    def __init__(self, status: int, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        self.sentence = sentence
