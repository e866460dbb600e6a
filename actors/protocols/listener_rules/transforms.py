"""Transforms of a rule: what is rewritten in a request before a target gets it, when its expression finds something.

A rewrite does not change which rule holds. Source: ALB user guide, "Transforms for listener rules".
"""

import re
from typing import NamedTuple

from actors.protocols.listener_rules.patterns import BadPattern, Expression, expression


class Rewrite(NamedTuple):
    """Replaces the first find of an expression; `$1` to `$9` in the replacement are the expression's groups."""

    regex: Expression
    replace: str

    @classmethod
    def of(cls, regex: str, replace: str) -> "Rewrite":
        """Raises `BadPattern`."""
        compiled = expression(regex)
        for number in re.findall(r"\$(\d)", replace):
            if int(number) > compiled.groups:
                raise BadPattern(f"replacement {replace!r}: {regex!r} has no group {number}")
        return cls(compiled, replace)

    def applied(self, text: str) -> str | None:
        """The new text; None if the expression does not fit."""
        found = self.regex.search(text)
        if found is None:
            return None
        new = re.sub(r"\$(\d)", lambda group: found[int(group[1])] or "", self.replace)
        return text[: found.start()] + new + text[found.end() :]


class Transforms(NamedTuple):
    """At most one of each kind in a rule."""

    host: Rewrite | None = None
    url: Rewrite | None = None
