"""A load in the words of the command line: `--request '3x POST /orders -> 201'`, `--stage '50/s to 300/s for 10s'`."""

import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from actors.parts.load.mix import BadRequest, check
from orchestrator.config.errors import ConfigError, ConfigErrors
from orchestrator.config.explain import explain, keys_at
from orchestrator.config.reading import read_text
from orchestrator.config.tree import NotYaml, read_tree
from orchestrator.load.models import RequestFile, Stage, parse_rate_plan, parse_users
from orchestrator.load.shapes import SET, Change

_REQUEST = re.compile(r"(?:(\d+(?:\.\d+)?)x\s+)?(?:(\S+)\s+)?(/\S*)(?:\s*->\s*(.+))?")
_STAGE = re.compile(r"(.+?)(?:\s+(users?))?\s+for\s+(\S+)")


class BadWords(ValueError):
    """Words that say no load; what would do is said."""


def request_of(text: str) -> dict[str, Any]:
    """`[WEIGHTx] [METHOD] PATH [-> STATUS[,STATUS]]`. Raises `BadWords`."""
    match = _REQUEST.fullmatch(text.strip())
    if match is None:
        raise BadWords(f"{text!r} is not a request; write it like 'GET /', or '3x POST /orders -> 201'")
    weight, method, path, statuses = match.groups()
    request: dict[str, Any] = {"path": path}
    if method is not None:
        request["method"] = method
    if weight is not None:
        request["weight"] = float(weight)
    if statuses is not None:
        request["expect"] = {"status": [each.strip() for each in statuses.split(",")]}
    try:
        check(request)
    except BadRequest as error:
        raise BadWords(f"{text!r}: {error}") from None
    return request


def stage_of(text: str) -> dict[str, float]:
    """`300/s for 10s`, `50/s to 300/s for 10s`, `5 to 20 users for 1m`. Raises `BadWords`."""
    match = _STAGE.fullmatch(text.strip())
    if match is None:
        raise BadWords(f"{text!r} is not a stage; write it like '50/s to 300/s for 10s' or '20 users for 1m'")
    level, users, duration = match.groups()
    what = "rate" if users is None else "users"
    try:
        (parse_rate_plan if users is None else parse_users)(level)
        stage = Stage.model_validate({"for": duration, what: level})
    except ValidationError as error:
        raise BadWords(f"{text!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
    except ValueError as error:
        raise BadWords(f"{text!r}: {error}") from None
    return stage.plain()


def level_of(words: list[str]) -> Change:
    """What a running load is set to: `800/s`, or `20 users`. Raises `BadWords`."""
    text = " ".join(words)
    match = re.fullmatch(r"(.+?)(?:\s+users?)?", text)
    level = match[1] if match else text
    try:
        if "/" in level:
            first, last = parse_rate_plan(level)
            change = Change(SET, rate=first)
        else:
            first, last = parse_users(level)
            change = Change(SET, users=int(first))
    except ValueError:
        raise BadWords(f"{text!r} is no level of a load; write it like 800/s, or 20 users") from None
    if first != last:
        raise BadWords("a load is set to one level; --stage has ramps")
    return change


def requests_in(path: Path) -> list[dict[str, Any]]:
    """The requests of a file. Raises `ConfigErrors` with every fault that it has."""
    try:
        tree, unreadable = read_tree(read_text(path))
    except NotYaml as error:
        raise ConfigErrors([ConfigError(str(path), error.position, (), error.what)]) from None
    errors = [ConfigError(str(path), position, where, what) for position, where, what in unreadable]
    try:
        found = RequestFile.model_validate(tree.value)
    except ValidationError as error:
        for where, of_key, what in explain(error, tree, lambda where: keys_at(RequestFile, where)):
            errors.append(ConfigError(str(path), tree.position(where, of_key=of_key), where, what))
    if errors:
        raise ConfigErrors(errors)
    return [request.plain() for request in found.requests]
