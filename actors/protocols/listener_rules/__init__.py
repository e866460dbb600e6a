"""The rules of an ALB listener: conditions on a request, and the action of the first rule that holds.

How this works. Texts in AWS's shapes become values (`documents.py`), whose patterns are compiled once (`patterns.py`,
`conditions.py`). `ListenerRules` (`rules.py`) tries rules by ascending priority; the default comes last and always
holds. What a redirect or a transform makes of a URL is in `actions.py` and `transforms.py`. Bytes in, values out:
who carries an action out is somebody else's business.
"""

from actors.protocols.listener_rules.actions import Action, FixedResponse, Forward, Redirect, WeightedGroup
from actors.protocols.listener_rules.conditions import Condition, Facts
from actors.protocols.listener_rules.patterns import BadPattern, normalised, wildcard
from actors.protocols.listener_rules.rules import DEFAULT_PRIORITY, ListenerRules, Match, Rule
from actors.protocols.listener_rules.transforms import Transforms

__all__ = [
    "DEFAULT_PRIORITY",
    "Action",
    "BadPattern",
    "Condition",
    "Facts",
    "FixedResponse",
    "Forward",
    "ListenerRules",
    "Match",
    "Redirect",
    "Rule",
    "Transforms",
    "WeightedGroup",
    "normalised",
    "wildcard",
]
