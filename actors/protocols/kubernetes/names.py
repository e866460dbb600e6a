"""What names, labels and UIDs look like, and how they are made up (k8s.io/apimachinery: pkg/util/validation)."""

import re
from random import Random

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_DNS_1035 = "[a-z]([-a-z0-9]*[a-z0-9])?"
_IS = {pattern: re.compile(pattern) for pattern in (_LABEL, _SUBDOMAIN, _QUALIFIED, _LABEL_VALUE, _DNS_1035)}

LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Without vowels and what looks like one, so that no words come out."""
SUFFIX_LENGTH = 5
BASE_LENGTH = LABEL_LENGTH - SUFFIX_LENGTH


def _too_long(most: int) -> str:
    return f"must be no more than {most} characters"


def _regex(text: str, pattern: str, *examples: str) -> str:
    told = " or ".join(f"'{each}', " for each in examples)
    return f"{text} (e.g. {told}regex used for validation is '{pattern}')"


def label_problems(text: str) -> list[str]:
    """What is wrong with an RFC 1123 label, such as the name of a namespace or a container; empty if nothing is."""
    problems = [] if len(text) <= LABEL_LENGTH else [_too_long(LABEL_LENGTH)]
    if not _IS[_LABEL].fullmatch(text):
        rule = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-',"
            " and must start and end with an alphanumeric character"
        )
        problems.append(_regex(rule, _LABEL, "my-name", "123-abc"))
    return problems


def subdomain_problems(text: str) -> list[str]:
    """What is wrong with an RFC 1123 subdomain, such as the name of a pod."""
    problems = [] if len(text) <= SUBDOMAIN_LENGTH else [_too_long(SUBDOMAIN_LENGTH)]
    if not _IS[_SUBDOMAIN].fullmatch(text):
        rule = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.',"
            " and must start and end with an alphanumeric character"
        )
        problems.append(_regex(rule, _SUBDOMAIN, "example.com"))
    return problems


def dns_1035_problems(text: str) -> list[str]:
    """What is wrong with an RFC 1035 label, such as the name of a service."""
    problems = [] if len(text) <= LABEL_LENGTH else [_too_long(LABEL_LENGTH)]
    if not _IS[_DNS_1035].fullmatch(text):
        rule = (
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-',"
            " start with an alphabetic character, and end with an alphanumeric character"
        )
        problems.append(_regex(rule, _DNS_1035, "my-name", "abc-123"))
    return problems


def qualified_name_problems(text: str) -> list[str]:
    """What is wrong with the key of a label or an annotation: `name` or `prefix/name`."""
    prefix, slash, name = text.rpartition("/")
    if "/" in prefix:
        rule = (
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.',"
            " and must start and end with an alphanumeric character"
        )
        told = _regex(rule, _QUALIFIED, "MyName", "my.name", "123-abc")
        return [f"{told} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += [f"prefix part {each}" for each in subdomain_problems(prefix)]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > LABEL_LENGTH:
        problems.append(f"name part {_too_long(LABEL_LENGTH)}")
    if not _IS[_QUALIFIED].fullmatch(name):
        rule = (
            "name part must consist of alphanumeric characters, '-', '_' or '.',"
            " and must start and end with an alphanumeric character"
        )
        problems.append(_regex(rule, _QUALIFIED, "MyName", "my.name", "123-abc"))
    return problems


def label_value_problems(text: str) -> list[str]:
    """What is wrong with the value of a label."""
    problems = [] if len(text) <= LABEL_LENGTH else [_too_long(LABEL_LENGTH)]
    if not _IS[_LABEL_VALUE].fullmatch(text):
        rule = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.',"
            " and must start and end with an alphanumeric character"
        )
        problems.append(_regex(rule, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return problems


def port_name_problems(text: str) -> list[str]:
    """What is wrong with the name of a container's port (RFC 6335)."""
    problems = []
    if len(text) > 15:
        problems.append("must be no more than 15 characters")
    if not re.fullmatch("[-a-z0-9]*", text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search("[a-z]", text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text[:1] == "-" or text[-1:] == "-":
        problems.append("must not begin or end with a hyphen")
    return problems


def generate_name(prefix: str, dice: Random) -> str:
    """What `metadata.generateName` becomes: the prefix, cut to 58 characters, and five more."""
    return prefix[:BASE_LENGTH] + "".join(dice.choice(ALPHABET) for _ in range(SUFFIX_LENGTH))


def uid(dice: Random) -> str:
    """A UUID of version 4 from these dice."""
    digits = f"{dice.getrandbits(128) & ~(0xF << 76) & ~(0x3 << 62) | 0x4 << 76 | 0x2 << 62:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
