"""What an AWS API refuses a request with."""


class AwsError(Exception):
    """A request that was refused: one of the service's error codes, what it says, and the HTTP status it comes with."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
