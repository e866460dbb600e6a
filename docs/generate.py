"""Writes what the docs have from the code: `config.md` from the models that read world files, `metrics.md` from the
table of metrics, `cli.md` from the commands, `scenario-files.md` and the JSON Schemas of a run's `summary.json` and of
scenario files from their models: `make docs`. Tests say when they are stale.
"""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from orchestrator.cli import app
from orchestrator.config.schema import scenario_schema, world_schema
from orchestrator.metrics.handbook import metrics_page
from orchestrator.reports.schema import summary_schema

TARGET = Path(__file__).parent / "config.md"
METRICS_TARGET = Path(__file__).parent / "metrics.md"
SUMMARY_TARGET = Path(__file__).parent / "summary.schema.json"
CLI_TARGET = Path(__file__).parent / "cli.md"
SCENARIO_FILES_TARGET = Path(__file__).parent / "scenario-files.md"
SCENARIO_TARGET = Path(__file__).parent / "scenario.schema.json"

_HEAD = """\
# World files

<!-- Made from the code by `make docs`; change the descriptions there. -->

A world file says which network elements there are and how they are linked. The one that comes with the package is
[configs/journey.yaml](../configs/journey.yaml); `journey validate FILE` checks one without starting anything, and
`journey schema` prints its JSON Schema. With the schema in a file, an editor completes and checks while you type:

```yaml
# yaml-language-server: $schema=./world.schema.json
```

- **Quantities** have units: durations `800us`, `20ms`, `1m30s`, `2h4m`; rates `300mbit`, `10gbit`; shares `1%`. Only
  `0` needs none.
- **Clock-like values** such as `1:30` must be quoted: YAML 1.1 reads them as numbers to base 60. The loader says so.
- **Anchors** (`&name`, `*name`) and merge keys (`<<: *name`) keep similar elements short.
- **Files** are named relative to the world file that names them.
- **Every fault** is told at once, one a line, as `file:line:col: path: what, did you mean ...?`; the exit code is 2.

What is checked besides types and units: each end of a link names an element and one of its ports, no port is in two
links or in none, no address belongs to two elements, no subnets overlap (unless they are one network, or part of an
aggregate that its owner divides), and elements and files that a config refers to exist.

## A world that differs a little

`extends` names another world file, relative to this one, or `default`, the world that comes with the package. Then only
what differs is said, as in [configs/own-app.yaml](../configs/own-app.yaml):

```yaml
extends: journey.yaml
name: small-home

elements:
  home-router:
    nat: {max_mappings: 64, tcp_transitory_timeout: null}    # fewer mappings, and a timeout by default
  kube-api:
    manifests: [manifests/nginx.yaml]                        # without the ingress

links:
  fibre: {delay: 12ms}
```

- **Mappings** are merged key by key, however deep: elements and links by their names, their configs by their keys.
- **All else**, lists too, takes the place of what was there.
- **`null`** takes a key away; one that the other file does not have is a fault.
- **Another `kind`** begins an element anew: nothing of the other one's config stays.
- **Anchors** are those of one file. `<<: *node` was read before anything is merged, so that what is changed in `node-1`
  does not change `node-2`, which was made from it.
- **Files** that the other world names are looked for beside that one.
- **Faults** are told in the file in which they stand; a file that is not there, and one that extends itself by whatever
  detour, at the `extends` that leads there.

A scenario's `overrides` are merged by the same rules, over the whole world. Each run keeps in its directory the
world that it was played in, whole, as `world.yaml`.
"""

_CLI_HEAD = """\
# The command line

<!-- Made from the code by `make docs`; change the docstrings and options there. -->

`journey --help` and `journey COMMAND --help` say the same. What prints data has `--json`. A command that needs a world
uses the running one, else it starts its own and stops it afterwards. Exit codes: 0 ok, 1 internal error, 2 usage or
config, 3 environment, 4 threshold failed, 5 run invalid, 130 interrupted.
"""

_SCENARIO_HEAD = """\
# Scenario files

<!-- Made from the code by `make docs`; change the descriptions there. -->

Every key of a scenario file; [scenarios](scenarios.md) tells what they are good for and has examples. `journey validate
FILE` checks one, `journey schema scenario` prints the JSON Schema for an editor ([here](scenario.schema.json)).
"""

_TYPERS = ("help", "install_completion", "show_completion")
_QUANTITIES = {"20ms": "duration", "300mbit": "rate", "1%": "share"}


def config_page() -> str:
    """The whole page, as Markdown."""
    schema = world_schema()
    definitions = schema["$defs"]
    parts = [
        _HEAD,
        "## The file",
        _table({**schema, **_alone(schema)}, definitions),
        "## Links",
        _table({**definitions["link"], **_alone(schema, "links")}, definitions),
    ]
    parts += ["## Elements", "Every element has a `kind`; the other keys are the kind's own."]
    for kind in definitions["element"]["properties"]["kind"]["enum"]:
        parts += [f"### `{kind}`", definitions[kind]["description"], _table(definitions[kind], definitions)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _alone(schema: dict[str, Any], part: str | None = None) -> dict[str, Any]:
    """The keys that are required where no other file is extended: of the file, or of each of its elements or links."""
    alone = schema["else"]
    if part is not None:
        alone = alone["properties"][part]["additionalProperties"]
    return {"required": alone["required"]}


def scenario_page() -> str:
    """The keys of scenario files, as Markdown."""
    schema = scenario_schema()
    return f"{_SCENARIO_HEAD}\n{_table(schema, schema.get('$defs', {}))}\n"


def cli_page() -> str:
    """Every command with its arguments, options and examples, as Markdown."""
    root: Any = typer.main.get_command(app)
    parts = [_CLI_HEAD, "## For every command", _parameters(root)]
    for name, command in sorted(_commands(root, "journey")):
        what, _, examples = _plain_help(command).partition("Examples\n")
        parts += [f"## {name}", what.strip()]
        if getattr(command, "params", None):
            parts.append(_parameters(command))
        lines, after = _examples(examples)
        parts += [f"```sh\n{lines}\n```"] if lines else []
        parts += [after] if after else []
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"{path} {name}", command
            if hasattr(command, "commands"):
                yield from _commands(command, f"{path} {name}")


def _plain_help(command: Any) -> str:
    """Its docstring without rich's marks."""
    return re.sub(r"\[/?(?:bold|dim|italic)\]", "", inspect.cleandoc(command.help or ""))


def _examples(text: str) -> tuple[str, str]:
    """The command lines of the examples, and what is said after them."""
    lines = text.strip("\n").splitlines()
    typed = [line.strip() for line in lines if line.startswith("  ")]
    return "\n".join(typed), "\n".join(line for line in lines if not line.startswith("  ")).strip()


def _parameters(command: Any) -> str:
    rows = ["| argument or option | default | what it is |", "|---|---|---|"]
    for each in command.params:
        if each.name not in _TYPERS and not getattr(each, "hidden", False):
            default = "required" if each.required else _default_of(each)
            what = _cell(_marks(getattr(each, "help", None) or ""))
            rows.append(f"| {_spelt(each)} | {default} | {what} |")
    return "\n".join(rows) if len(rows) > 2 else ""


def _spelt(parameter: Any) -> str:
    """`--rate RATE`, `--wait`, `URL`."""
    value = (parameter.metavar or parameter.name or "").strip("[]").replace("|", " or ")
    if parameter.param_type_name != "option":
        return f"`{value if parameter.metavar else value.upper()}`"
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    flag = getattr(parameter, "is_flag", False)
    return names if flag else f"{names} `{value if parameter.metavar else value.upper()}`"


def _default_of(parameter: Any) -> str:
    if parameter.default in (None, False, (), [], "") or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


def _marks(text: str) -> str:
    return re.sub(r"\[/?(?:bold|dim|italic)\]", "", text)


def summary_text() -> str:
    """The JSON Schema of `summary.json`."""
    return json.dumps(summary_schema(), indent=1) + "\n"


def scenario_text() -> str:
    """What belongs into `docs/scenario.schema.json`."""
    return json.dumps(scenario_schema(), indent=1) + "\n"


def _table(schema: dict[str, Any], definitions: dict[str, Any]) -> str:
    rows = ["| key | value | default | what it is |", "|---|---|---|---|"]
    rows += ["| " + " | ".join(row) + " |" for row in _rows(schema, definitions, "")]
    return "\n".join(rows)


def _rows(
    schema: dict[str, Any], definitions: dict[str, Any], above: str
) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key, and under it those of the mapping it leads to."""
    required = schema.get("required", [])
    for name, value in schema.get("properties", {}).items():
        if name == "kind" and "const" in value and not above:
            continue
        default = "required" if name in required else _default(value.get("default"))
        parts = list(_parts(value, definitions))
        what = value.get("description") or " ".join(part.get("description", "") for _, part in parts)
        yield f"`{above}{name}`", _value(value), default, _cell(what)
        for suffix, part in parts:
            yield from _rows(part, definitions, f"{above}{name}{suffix}.")


def _parts(schema: dict[str, Any], definitions: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The models of this project that a value is made of, with how they are reached: `[]` in lists, `.*` by name."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        if name not in ("element", "link"):
            yield "", definitions[name]
    for alternative in (*schema.get("anyOf", []), *schema.get("oneOf", [])):
        yield from _parts(alternative, definitions)
    if isinstance(schema.get("items"), dict):
        yield from ((f"[]{suffix}", part) for suffix, part in _parts(schema["items"], definitions))
    for key in ("additionalProperties", "patternProperties"):
        for inner in _values(schema.get(key)):
            yield from ((f".*{suffix}", part) for suffix, part in _parts(inner, definitions))


def _values(schema: Any) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    return (
        [schema]
        if not schema or {"type", "$ref", "anyOf", "oneOf"} & schema.keys()
        else list(schema.values())
    )


def _value(schema: dict[str, Any]) -> str:
    """What may be written there, in a few words."""
    match schema:
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"$ref": _} | {"oneOf": _}:
            return "mapping"
        case {"anyOf": alternatives}:
            return " or ".join(
                dict.fromkeys(_value(each) for each in alternatives if each.get("type") != "null")
            )
        case {"examples": [example, *_]}:
            return _QUANTITIES.get(example, f"like `{example}`")
        case {"type": "array", "items": items}:
            return f"list: {_value(items)}"
        case {"type": "array"}:
            return "list"
        case {"type": "object"}:
            keys = ("additionalProperties", "patternProperties")
            inner = [_value(each) for key in keys for each in _values(schema.get(key))]
            return f"by name: {inner[0]}" if inner else "mapping"
        case {"type": "integer"}:
            return "number" + _bounds(schema)
        case {"type": "boolean"}:
            return "`true` or `false`"
        case _:
            return "text"


def _bounds(schema: dict[str, Any]) -> str:
    low = schema.get("minimum", schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum")
    if low is not None and high is not None:
        return f", {low} to {high}"
    return f", {low} or more" if low is not None else ""


def _default(value: Any) -> str:
    match value:
        case None:
            return "none"
        case dict():
            return "as below" if value else "empty"
        case list():
            return "empty" if not value else ", ".join(f"`{inner}`" for inner in value)
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`" if value != "" else "empty"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", r"\|").strip()


if __name__ == "__main__":
    TARGET.write_text(config_page(), encoding="utf-8")
    METRICS_TARGET.write_text(metrics_page(), encoding="utf-8")
    CLI_TARGET.write_text(cli_page(), encoding="utf-8")
    SCENARIO_FILES_TARGET.write_text(scenario_page(), encoding="utf-8")
    SUMMARY_TARGET.write_text(summary_text(), encoding="utf-8")
    SCENARIO_TARGET.write_text(scenario_text(), encoding="utf-8")
