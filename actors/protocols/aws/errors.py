"""What an AWS API refuses a request with."""

from typing import Any


class AwsError(Exception):
    """A request that was refused: one of the service's error codes, what it says, and the HTTP status it comes with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    @classmethod
    def of(cls, answer: dict[str, Any]) -> "AwsError":
        """From `{"code", "message", "status"}`, as a management call answers it."""
        return cls(answer["code"], answer["message"], answer["status"])

    def answer(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "status": self.status}
