"""From the JSON schema of a tool's arguments to the subset of OpenAPI that Gemini Live reads.

Live ignores `parametersJsonSchema` without a word, so everything goes into `parameters`. Source of the subset: the type
`Schema` of google-genai 3.4.0 and recorded sessions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = ("title", "description", "format", "pattern", "default", "example")
_BOUNDS = (
    "minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties",
)  # fmt: skip
_TYPES = {
    "string": "STRING", "number": "NUMBER", "integer": "INTEGER", "boolean": "BOOLEAN", "array": "ARRAY",
    "object": "OBJECT", "null": "NULL",
}  # fmt: skip
_HANDLED = frozenset(
    (*_KEPT, *_BOUNDS, "type", "enum", "const", "properties", "required", "items", "anyOf", "oneOf", "$ref", "nullable",
     "propertyOrdering", "$defs", "definitions")
)  # fmt: skip
# Not a word of these restricts what a model may write: nothing is lost without them.
_HARMLESS = frozenset(("$schema", "$id", "$comment", "examples", "deprecated", "readOnly", "writeOnly", "strict"))


class Converted:
    """The schema of one tool.

    Attributes:
        schema: what is sent as `parameters`.
        lost: keywords that have no counterpart and were left out, in order.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._root = schema
        self._lost: dict[str, None] = {}
        self.schema = self._convert(schema, ())
        self.lost = tuple(self._lost)

    def _convert(self, node: Any, path: tuple[str, ...]) -> dict[str, Any]:
        """`path`: references that were followed on the way here; one that leads into itself ends there."""
        node, path = self._resolved(node, path)
        out: dict[str, Any] = {key: node[key] for key in (*_KEPT, *_BOUNDS) if node.get(key) is not None}
        self._type(node, out)
        self._values(node, out)
        if isinstance(node.get("properties"), Mapping):
            out["properties"] = {str(k): self._convert(v, path) for k, v in node["properties"].items()}
        for key in ("required", "propertyOrdering"):
            if node.get(key):
                out[key] = [str(name) for name in node[key]]
        if "items" in node:
            out["items"] = self._convert(node["items"], path)
        options = node.get("anyOf") or node.get("oneOf")
        if isinstance(options, list):
            self._options(options, out, path)
        for key in node:
            allowed = key in _HANDLED or key in _HARMLESS or (key == "additionalProperties" and node[key] is False)
            if not allowed:
                self._lost[str(key)] = None
        return out

    def _type(self, node: Mapping[str, Any], out: dict[str, Any]) -> None:
        stated = node.get("type")
        kinds = [str(kind).lower() for kind in (stated if isinstance(stated, list) else [stated]) if kind]
        plain = [kind for kind in kinds if kind != "null"]
        if node.get("nullable") is True or (plain and len(plain) < len(kinds)):
            out["nullable"] = True
        known = [_TYPES[kind] for kind in (plain or kinds) if kind in _TYPES]
        if len(known) == 1:
            out["type"] = known[0]
        elif known:
            out["anyOf"] = [{"type": kind} for kind in known]
        elif "properties" in node:
            out["type"] = "OBJECT"
        if len(known) < len(plain or kinds):
            self._lost["type"] = None

    def _values(self, node: Mapping[str, Any], out: dict[str, Any]) -> None:
        values = node.get("enum")
        if values is None and "const" in node:
            values = [node["const"]]
        if not isinstance(values, list):
            return
        texts = [value for value in values if isinstance(value, str)]
        if None in values:
            out["nullable"] = True
        if texts and len(texts) + values.count(None) == len(values):
            out["enum"] = texts
            out.setdefault("type", "STRING")
        else:
            self._lost["enum" if "enum" in node else "const"] = None

    def _options(self, options: list[Any], out: dict[str, Any], path: tuple[str, ...]) -> None:
        real = [option for option in options if not (isinstance(option, Mapping) and option.get("type") == "null")]
        if len(real) < len(options):
            out["nullable"] = True
        converted = [self._convert(option, path) for option in real]
        if len(converted) == 1:
            for key, value in converted[0].items():
                out.setdefault(key, value)
        elif converted:
            out["anyOf"] = converted

    def _resolved(self, node: Any, path: tuple[str, ...]) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        while isinstance(node, Mapping) and "$ref" in node:
            reference = str(node["$ref"])
            found = None if reference in path else self._at(reference)
            if found is None:
                self._lost["$ref"] = None
                return {}, path
            node, path = found, (*path, reference)
        if isinstance(node, Mapping):
            return node, path
        # `true` and `false` are schemas too: anything, and nothing.
        self._lost["schema"] = None
        return {}, path

    def _at(self, reference: str) -> Any:
        found: Any = self._root
        for part in reference.split("/")[1:]:
            found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        return found if reference.startswith("#") else None
