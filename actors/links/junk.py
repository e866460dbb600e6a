"""What is said of messages that are none."""


def log_junk(log: str, dropped: int, error: Exception) -> None:
    """Log the 1st, 2nd, 4th, 8th ... dropped control message: a flood of junk is not a flood of log."""
    if dropped.bit_count() == 1:
        import logging  # an outpost does without, until there is something to say

        logging.getLogger(log).warning(
            "%d control messages dropped: %s: %s", dropped, type(error).__name__, error
        )
