"""Tools of Full-Duplex-Bench v3 as they stand in the Python files of a checkout, read without running anything.

Only syntax trees are looked at. What a mock returns is worked out where it is put together from literals, parameters
and module constants; a member that is computed in another way becomes null.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tmlapp.core.tool import ToolSpec

Mock = Callable[[Mapping[str, Any]], Any]
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "list": "array", "dict": "object",
          "List": "array", "Dict": "object"}  # fmt: skip
_NOT_ARGUMENTS = frozenset({"self", "cls", "ctx", "context", "run_ctx", "run_context"})
_DECORATORS = frozenset({"function_tool", "tool", "ai_callable"})
_SUMS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_PASS_ON = frozenset({"dumps", "dict", "copy", "deepcopy"})
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_LONGEST = 100_000


@dataclass(slots=True)
class Found:
    """What a file holds: announced tools, tools known from a plain function only, and what they return."""

    specs: dict[str, ToolSpec] = field(default_factory=dict)
    functions: dict[str, ToolSpec] = field(default_factory=dict)
    mocks: dict[str, Mock] = field(default_factory=dict)


class _UnknownError(Exception):
    pass


def read_source(text: str, names: frozenset[str]) -> Found:
    """The tools `names` in a Python file.

    Raises:
        SyntaxError, ValueError, RecursionError: it is no Python file.
    """
    tree = ast.parse(text)
    found = Found()
    constants = _constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            _from_dict(node, names, found)
        elif isinstance(node, _Function) and (name := _tool_name(node, names)) is not None:
            spec = _spec_of(node, name)
            (found.specs if _is_announced(node) else found.functions).setdefault(name, spec)
            if _returns(node):
                found.mocks.setdefault(name, _mock_of(node, constants))
    return found


def spec_of_json(value: Any) -> ToolSpec | None:
    """A tool in OpenAI's function format, with or without the outer object; None where it is none."""
    if isinstance(value, Mapping) and isinstance(value.get("function"), Mapping):
        value = value["function"]
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        return None
    parameters = value.get("parameters", value.get("input_schema", {}))
    if not isinstance(parameters, Mapping) or ("description" not in value and "parameters" not in value):
        return None
    return ToolSpec(name=value["name"], description=str(value.get("description") or ""), parameters=dict(parameters))


def _from_dict(node: ast.Dict, names: frozenset[str], found: Found) -> None:
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
    if "name" in keys:
        spec = spec_of_json(_literal(node))
        if spec is not None and spec.name in names:
            found.specs.setdefault(spec.name, spec)
    elif keys and set(keys) <= names:
        for key, value in zip(keys, node.values, strict=False):
            result = _literal(value)
            if result is not None and spec_of_json(result) is None:
                found.mocks.setdefault(str(key), fixed(result))


def fixed(result: Any) -> Mock:
    """Returns `result`, whatever it is called with."""
    return lambda _: result


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _constants(tree: ast.Module) -> dict[str, Any]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = _literal(node.value)
            if value is not None:
                found[node.targets[0].id] = value
    return found


def _tool_name(node: _Function, names: frozenset[str]) -> str | None:
    plain = re.sub(r"^(_+|mock_|api_|handle_)+|_mock$", "", node.name)
    return plain if plain in names else None


def _is_announced(node: _Function) -> bool:
    made = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any((d.attr if isinstance(d, ast.Attribute) else getattr(d, "id", "")) in _DECORATORS for d in made)


def _spec_of(node: _Function, name: str) -> ToolSpec:
    text = ast.get_docstring(node) or ""
    told = dict(re.findall(r"^[ \t]*(\w+)(?:[ \t]*\([^)\n]*\))?[ \t]*:[ \t]*(\S.*)$", text, re.MULTILINE))
    arguments = [*node.args.posonlyargs, *node.args.args]
    firsts = len(arguments) - len(node.args.defaults)
    needed = {a.arg for a in arguments[:firsts]}
    needed |= {a.arg for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is None}
    properties: dict[str, Any] = {}
    for argument in (*arguments, *node.args.kwonlyargs):
        if argument.arg not in _NOT_ARGUMENTS:
            schema = _schema(argument.annotation)
            if argument.arg in told:
                schema.setdefault("description", told[argument.arg])
            properties[argument.arg] = schema
    required = [p for p in properties if p in needed]
    about = re.split(r"\n\s*(?:Args|Arguments|Parameters|Returns)\s*:", text)[0].strip()
    parameters = {"type": "object", "properties": properties, "required": required}
    return ToolSpec(name=name, description=about or name.replace("_", " "), parameters=parameters)


def _schema(node: ast.expr | None) -> dict[str, Any]:
    match node:
        case ast.Name(id=name):
            return {"type": _TYPES[name]} if name in _TYPES else {}
        case ast.BinOp(left=left, op=ast.BitOr()):
            return _schema(left)
        case ast.Subscript(value=outer, slice=inner):
            kind = outer.attr if isinstance(outer, ast.Attribute) else getattr(outer, "id", "")
            members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            if kind == "Literal":
                return {"type": "string", "enum": [_literal(m) for m in members]}
            if kind == "Annotated":
                return _schema(members[0]) | _description(members[1:])
            if kind == "Optional":
                return _schema(inner)
            if kind in ("list", "List"):
                return {"type": "array", "items": _schema(inner)}
            return _schema(outer)
        case _:
            return {}


def _description(notes: list[ast.expr]) -> dict[str, Any]:
    for note in notes:
        if isinstance(note, ast.Call):
            note = next((k.value for k in note.keywords if k.arg == "description"), note)
        text = _literal(note)
        if isinstance(text, str):
            return {"description": text}
    return {}


def _returns(node: _Function) -> bool:
    # What is awaited comes from another module, of which nothing is known here.
    returned = [step.value for step in ast.walk(node) if isinstance(step, ast.Return)]
    return any(value is not None and not isinstance(value, ast.Await) for value in returned)


def _mock_of(node: _Function, constants: Mapping[str, Any]) -> Mock:
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults = dict(zip([a.arg for a in arguments][len(arguments) - len(node.args.defaults) :], node.args.defaults,
                        strict=True))  # fmt: skip
    defaults |= {a.arg: d for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None}
    given = {name: _literal(value) for name, value in defaults.items()}

    def mock(args: Mapping[str, Any]) -> Any:
        known = {**constants, **given, **args}
        return _run(node.body, known)

    return mock


def _run(steps: list[ast.stmt], known: dict[str, Any]) -> Any:
    """The value of the first `return` that is not inside a condition; names that are assigned on the way are known."""
    for step in steps:
        try:
            if isinstance(step, ast.Return) and step.value is not None:
                return _value(step.value, known)
            if isinstance(step, ast.Assign) and isinstance(step.targets[0], ast.Name):
                known[step.targets[0].id] = _value(step.value, known)
            elif isinstance(step, ast.AnnAssign) and isinstance(step.target, ast.Name) and step.value is not None:
                known[step.target.id] = _value(step.value, known)
            elif (
                isinstance(step, ast.With | ast.AsyncWith | ast.Try) and (inside := _run(step.body, known)) is not None
            ):
                return inside
        except _UnknownError:
            continue
    return None


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {str(_value(k, known)): _or_null(v, known) for k, v in pairs if k is not None}
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_or_null(e, known) for e in elements]
        case ast.JoinedStr(values=values):
            return "".join(str(_value(v, known)) for v in values)
        case ast.FormattedValue(value=inner):
            return _value(inner, known)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SUMS:
            return _sum(_SUMS[type(op)], _value(left, known), _value(right, known))
        case ast.Subscript(value=outer, slice=inner):
            return _member(_value(outer, known), _value(inner, known))
        case ast.Call(func=func, args=args):
            # json.dumps(result), self._log("name", {...}): the object is what comes back.
            passed_on = (func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")) in _PASS_ON
            for argument in reversed(args):
                if isinstance(argument, ast.Dict) or passed_on:
                    return _value(argument, known)
    raise _UnknownError


def _or_null(node: ast.expr, known: Mapping[str, Any]) -> Any:
    try:
        return _value(node, known)
    except _UnknownError:
        return None


def _sum(of: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    # Text times a large number would fill the memory.
    numbers = all(isinstance(v, int | float) and abs(v) < 1e12 for v in (left, right))
    texts = of is operator.add and isinstance(left, str) and isinstance(right, str) and len(left) < _LONGEST
    if not numbers and not texts:
        raise _UnknownError
    try:
        return of(left, right)
    except ZeroDivisionError:
        raise _UnknownError from None


def _member(outer: Any, key: Any) -> Any:
    try:
        return outer[key]
    except (TypeError, KeyError, IndexError):
        raise _UnknownError from None
