"""The configuration as a JSON Schema, for editors that complete and check TOML."""

from typing import Any

from pydantic import TypeAdapter

from tdaflow.config.docstrings import described, summary
from tdaflow.config.model import RunConfig
from tdaflow.config.presets import PRESETS
from tdaflow.config.sections import ExecutionConfig, FiltrationConfig
from tdaflow.homology import FILTRATIONS, regions
from tdaflow.images import ImageOptions
from tdaflow.preprocessing import Preprocessing
from tdaflow.preprocessing.pipeline import STEPS
from tdaflow.sources import SOURCES
from tdaflow.superpixels import SuperpixelOptions
from tdaflow.vectorisations import VECTORISATIONS

Schema = dict[str, Any]


def json_schema() -> Schema:
    """A JSON Schema (draft 2020-12) of a configuration file; every key has its meaning as description."""
    data = [_table(source, kind={"const": kind}) for kind, source in SOURCES.items()]
    store = {"properties": {"store": {"type": "string"}}, "required": ["store"], "additionalProperties": False}
    steps = [_table(step, step={"const": kind}) for kind, step in STEPS.items()]
    superpixels = _table(SuperpixelOptions)
    common: dict[str, Schema] = {
        "superpixels": superpixels,
        "regions": {"anyOf": [{"enum": list(regions.REGION_PRESETS)}, _table(regions.Regions)]},
        "each": {"type": "object", "additionalProperties": {"type": "array", "minItems": 1}},
    }
    own = _table(FiltrationConfig, **common)["properties"]
    own.pop("options")
    filtrations = [_table(f, **{**own, "kind": {"const": kind}}) for kind, f in FILTRATIONS.items()]
    # A table is of the kind that it is named after, unless it says otherwise.
    for table in filtrations:
        table["required"].remove("kind")
    kinds = {kind: _table(options) for kind, options in VECTORISATIONS.items()}
    vectorisations = [_object(kinds), {"type": "array", "items": {"enum": list(kinds)}}]
    sections: dict[str, Schema] = {
        "preset": {"enum": list(PRESETS)},
        "data": {"anyOf": [*data, store]},
        "preprocess": _table(Preprocessing, steps={"type": "array", "items": {"anyOf": steps}}),
        "superpixels": superpixels,
        "filtrations": {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": filtrations}},
        "images": _table(ImageOptions),
        "vectorisations": {"anyOf": vectorisations},
        "run": _table(ExecutionConfig),
    }
    schema = _table(RunConfig, **sections)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "tdaflow configuration", **schema}


def _table(kind: type, /, **given: Schema) -> Schema:
    """The schema of a table of a dataclass or model, with descriptions; `given` are properties in place of its own."""
    found = TypeAdapter(kind).json_schema()
    known = described(kind)
    properties: dict[str, Schema] = {**found["properties"], **given} if "properties" in found else dict(given)
    for name, schema in properties.items():
        about = {}
        if name in known:
            unit = f" Unit: {known[name].unit}." if known[name].unit else ""
            about = {"description": known[name].meaning + unit}
        properties[name] = {**_in_toml(schema), **about}
    required = [*found.get("required", ()), *(name for name in ("kind", "step") if "const" in given.get(name, ()))]
    return {**_object(properties), "description": summary(kind), "required": list(dict.fromkeys(required))}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _in_toml(schema: Any) -> Any:
    """Without titles, and with the word "none" for null, for which TOML has none."""
    if isinstance(schema, list):
        return [_in_toml(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "null":
        return {"const": "none"}
    kept = {key: _in_toml(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    return {**kept, "default": "none"} if kept.get("default", "") is None else kept
