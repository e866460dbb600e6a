"""The one error that a codec raises for bytes that break its protocol."""


class Malformed(ValueError):
    """The bytes are not what their protocol says they should be; the message names the field and why."""
