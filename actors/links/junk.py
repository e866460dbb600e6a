"""What is said of messages that are none."""

import logging


def log_junk(log: logging.Logger, dropped: int, error: Exception) -> None:
    """Log the 1st, 2nd, 4th, 8th ... dropped control message: a flood of junk is not a flood of log."""
    if dropped.bit_count() == 1:
        log.warning("%d control messages dropped: %s: %s", dropped, type(error).__name__, error)
