"""Strangers' texts in log lines."""


def quoted(text: str) -> str:
    """Text that is safe between quotes on one line, as nginx has it: all but plain ASCII, `"` and `\\` as `\\xHH`."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\x{ord(c):02x}" for c in text)
