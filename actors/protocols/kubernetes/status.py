"""What the API says instead of an object: `Status` (k8s.io/apimachinery: pkg/api/errors, pkg/apis/meta/v1)."""

from typing import Any

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A failed request, with its HTTP code, machine-readable reason, and details for the Status."""

    def __init__(
        self, code: int, message: str, reason: str = "", details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASONS.get(code, "Unknown")
        self.details = details

    def status(self) -> dict[str, Any]:
        """The object of kind Status that says so."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        details = {"details": self.details} if self.details is not None else {}
        return {**status, **details, "code": self.code}

    @classmethod
    def of(cls, status: dict[str, Any]) -> "ApiError":
        """The error that a Status tells of."""
        return cls(
            status.get("code", 500),
            status.get("message", ""),
            status.get("reason", ""),
            status.get("details"),
        )
