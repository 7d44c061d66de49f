"""From the schemas of the OpenAPI document to hypothesis strategies: bodies that are allowed, and that nearly are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_SCALARS = {"null": st.none(), "integer": st.integers(), "number": st.floats(), "boolean": st.booleans()}


def body_of(document: Schema, path: str) -> st.SearchStrategy[Any]:
    """Bodies that a POST to `path` allows."""
    content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    return _allowed(content["schema"], document["components"]["schemas"])


def _allowed(schema: Schema, named: Schema) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _allowed(named[schema["$ref"].rpartition("/")[2]], named)
    if "anyOf" in schema:
        return st.one_of([_allowed(each, named) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return _object(schema, named)
    if kind == "array":
        return st.lists(_allowed(schema["items"], named), min_size=schema.get("minItems", 0), max_size=3)
    return _string(schema) if kind == "string" else _SCALARS.get(str(kind), anything)


def _object(schema: Schema, named: Schema) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        return st.dictionaries(st.text(max_size=8), anything, max_size=4)
    fields = {name: _allowed(each, named) for name, each in schema["properties"].items()}
    required = {name: fields.pop(name) for name in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=fields)


def _string(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
        return st.datetimes(timezones=zones).map(datetime.isoformat)
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z")
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 20))


@st.composite
def spoiled(draw: st.DrawFn, bodies: st.SearchStrategy[Any]) -> Any:
    """A body in which one value, at any depth, is replaced by anything."""
    whole = body = draw(bodies)
    while isinstance(body, dict | list) and body:
        place = draw(st.sampled_from(sorted(body) if isinstance(body, dict) else range(len(body))))
        if not isinstance(body[place], dict | list) or draw(st.booleans()):
            body[place] = draw(anything)
            return whole
        body = body[place]
    return draw(anything)
