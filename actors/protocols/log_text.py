"""Strangers' texts in log lines."""

import re


def quoted(text: str) -> str:
    """Text that is safe between quotes on one line, as nginx has it: all but plain ASCII, `"` and `\\` as `\\xHH`."""
    if text == "-" or (text.isascii() and text.isprintable() and '"' not in text and "\\" not in text):
        return text
    return "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)


def unquoted(text: str) -> str:
    """What `quoted` had been given."""
    if "\\" not in text:
        return text
    return re.sub(r"\\x([0-9a-f]{2})", lambda escape: chr(int(escape[1], 16)), text)
