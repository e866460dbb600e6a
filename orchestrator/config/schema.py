"""The JSON Schema of world and scenario files, for editors (`journey schema`); what an element may have follows from
its kind.
"""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel

from actors.links.impairments import LinkConfig
from actors.units import parse_duration, parse_rate, parse_share
from orchestrator.config.kinds import kinds
from orchestrator.config.models import World

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_QUANTITIES: list[tuple[Callable[[Any], float], list[str]]] = [
    (parse_duration, ["h", "m", "s", "ms", "us", "ns"]),
    (parse_rate, ["gbit", "mbit", "kbit", "bit"]),
    (parse_share, ["%"]),
]


def world_schema() -> dict[str, Any]:
    """The schema of a whole world file. Imports every kind of element."""
    definitions: dict[str, Any] = {}
    names = []
    for name, config, element in kinds():
        schema = _add(config, name, definitions)
        schema["properties"] = {"kind": {"const": name}, **schema.get("properties", {})}
        schema["description"] = element.__doc__ or ""
        names.append(name)
    link = _add(LinkConfig, "link", definitions)
    required = {"element": ["kind"], "link": link.pop("required")}
    definitions["element"] = {
        "type": "object",
        "properties": {"kind": {"enum": names}},
        "allOf": [{"if": _is_of(name), "then": {"$ref": f"#/$defs/{name}"}} for name in names],
    }
    return {"$schema": DIALECT, "title": "A world of packet-journey", **_top(required), "$defs": definitions}


def scenario_schema() -> dict[str, Any]:
    """The schema of a scenario file."""
    from orchestrator.scenarios.models import Scenario

    schema: dict[str, Any] = Scenario.model_json_schema()
    definitions = {name: _readable(inner) for name, inner in schema.pop("$defs").items()}
    top: dict[str, Any] = _readable(schema)
    return {"$schema": DIALECT, "title": "A scenario of packet-journey", **top, "$defs": definitions}


def _is_of(kind: str) -> dict[str, Any]:
    return {"required": ["kind"], "properties": {"kind": {"const": kind}}}


def _top(required: dict[str, list[str]]) -> dict[str, Any]:
    """The top of the file; elements and links are spelled out in `$defs`. A file that extends another need not repeat
    what is required, and may take away what is there."""
    schema: dict[str, Any] = _readable(World.model_json_schema())
    del schema["$defs"], schema["description"]
    whole = {}
    for name, keys in required.items():
        either = [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]
        schema["properties"][f"{name}s"]["additionalProperties"] = {"anyOf": either}
        whole[f"{name}s"] = {"additionalProperties": {"type": "object", "required": keys}}
    alone = {"required": schema.pop("required"), "properties": whole}
    return {**schema, "if": {"required": ["extends"]}, "else": alone}


def _add(model: type[BaseModel], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """Put a model's schema among the definitions, with those it refers to under names of their own."""
    schema = model.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}")
    for inner, definition in schema.pop("$defs", {}).items():
        definitions[f"{name}.{inner}"] = _readable(definition)
    definitions[name] = _readable(schema)
    return definitions[name]


def _readable(schema: Any) -> Any:
    """Without pydantic's titles, and with defaults as people write them: `5s`, not 5000000000."""
    match schema:
        case list():
            return [_readable(inner) for inner in schema]
        case {"properties": properties}:
            rest = {
                key: _readable(value) for key, value in schema.items() if key not in ("title", "properties")
            }
            return rest | {"properties": {name: _field(value) for name, value in properties.items()}}
        case dict():
            return {key: _readable(value) for key, value in schema.items() if key != "title"}
        case _:
            return schema


def _field(schema: dict[str, Any]) -> dict[str, Any]:
    default, readable = schema.get("default"), _readable(schema)
    units = _units(schema)
    if units and isinstance(default, int | float) and not isinstance(default, bool):
        readable["default"] = _quantity(default, *units)
    return readable


def _units(schema: dict[str, Any]) -> tuple[Callable[[Any], float], list[str]] | None:
    """How a quantity is written, told by the example that its type carries."""
    for alternative in (schema, *schema.get("anyOf", [])):
        for parse, units in _QUANTITIES:
            for example in alternative.get("examples", []):
                if str(example).endswith(tuple(units)) and alternative.get("type") == ["string", "integer"]:
                    return parse, units
    return None


def _quantity(value: float, parse: Callable[[Any], float], units: list[str]) -> str:
    for unit in units:
        count = value / parse(f"1{unit}")
        if count >= 1 and count == round(count):
            return f"{count:.0f}{unit}"
    return "0" if value == 0 else f"{value / parse(f'1{units[-1]}'):g}{units[-1]}"
