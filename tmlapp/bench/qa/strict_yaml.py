"""YAML read strictly: every value knows its line, and whatever is not expected is an error that names file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import yaml

from tmlapp.core.errors import AppError

MOST_BYTES = 1_000_000
_DEEPEST = 12
_PREFIX = "tag:yaml.org,2002:"
_FIX = "Correct that line; docs/qa.md describes the form of a checklist."


def wrong(name: str, line: int, why: str) -> AppError:
    """The error for line `line` (1 for the first) of the checklist `name`."""
    return AppError(f"The checklist {name} cannot be used.", f"Line {line}: {why}", _FIX)


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a file, which says where it stands when it is not what was expected."""

    name: str
    node: yaml.Node

    @property
    def line(self) -> int:
        return int(self.node.start_mark.line) + 1

    def wrong(self, why: str) -> AppError:
        """The error that names this value's line."""
        return wrong(self.name, self.line, why)

    def members(self, what: str, known: tuple[str, ...], required: tuple[str, ...] = ()) -> dict[str, Node]:
        """The members of a mapping whose keys are all in `known`; those of `required` are there.

        Raises:
            AppError: it is no mapping, or a key is unknown, missing, or there twice.
        """
        if not isinstance(self.node, yaml.MappingNode):
            raise self.wrong(f"{what} is a mapping of {', '.join(known)}.")
        found: dict[str, Node] = {}
        for key_node, value in self.node.value:
            at = Node(self.name, key_node)
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else ""
            if key not in known:
                raise at.wrong(f"“{key}” is no member of {what}: there are {', '.join(known)}.")
            if key in found:
                raise at.wrong(f"“{key}” stands here twice.")
            found[key] = Node(self.name, value)
        for key in required:
            if key not in found:
                raise self.wrong(f"{what} has no “{key}”.")
        return found

    def entries(self, what: str) -> list[Node]:
        """The entries of a list.

        Raises:
            AppError: it is none.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.wrong(f"{what} is a list.")
        return [Node(self.name, entry) for entry in self.node.value]

    def text(self, what: str, *, most: int = 2000) -> str:
        """A text that is not empty.

        Raises:
            AppError: it is none, or longer than `most` characters.
        """
        value = self._scalar("str", f"{what} is a text; put it in quotes.")
        if not value.strip():
            raise self.wrong(f"{what} is empty.")
        if len(value) > most:
            raise self.wrong(f"{what} has {len(value)} characters, at most {most} are taken.")
        return value.strip()

    def whole(self, what: str, least: int, most: int) -> int:
        """A whole number from `least` to `most`.

        Raises:
            AppError: it is none.
        """
        said = f"{what} is a whole number from {least} to {most}."
        try:
            value = int(self._scalar("int", said))
        except ValueError as error:
            raise self.wrong(said) from error
        if not least <= value <= most:
            raise self.wrong(said)
        return value

    def number(self, what: str, least: float, most: float) -> float:
        """A number from `least` to `most`, both inclusive.

        Raises:
            AppError: it is none.
        """
        said = f"{what} is a number from {least:g} to {most:g}."
        try:
            value = float(self._scalar("int float", said))
        except ValueError as error:
            raise self.wrong(said) from error
        if not least <= value <= most:  # also refuses what is not a number
            raise self.wrong(said)
        return value

    def truth(self, what: str) -> bool:
        """`true` or `false`.

        Raises:
            AppError: it is neither.
        """
        value = self._scalar("bool", f"{what} is true or false.").lower()
        if value not in ("true", "false"):
            raise self.wrong(f"{what} is true or false.")
        return value == "true"

    def choice(self, what: str, choices: tuple[str, ...]) -> str:
        """One of `choices`.

        Raises:
            AppError: it is none of them.
        """
        value = self.text(what)
        if value not in choices:
            raise self.wrong(f"{what} is one of {', '.join(choices)}.")
        return value

    def _scalar(self, kinds: str, otherwise: str) -> str:
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag.removeprefix(_PREFIX) not in kinds.split():
            raise self.wrong(otherwise)
        return str(self.node.value)


def read_yaml(text: str, name: str) -> Node:
    """The one document of `text`, which is called `name` in errors.

    Raises:
        AppError: it is too large, no YAML, empty, or uses anchors, aliases or several documents.
    """
    if len(text) > MOST_BYTES:
        raise wrong(name, 1, f"The file has {len(text)} characters, at most {MOST_BYTES} are taken.")
    try:
        # An alias can stand for itself or for millions of values; a checklist needs none.
        depth = 0
        for event in _events(text):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise wrong(name, line, f"Values are nested more than {_DEEPEST} deep.")
            if isinstance(event, yaml.AliasEvent):
                raise wrong(name, line, "Anchors and aliases (& and *) are not taken.")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise wrong(name, mark.line + 1 if mark else 1, f"It is no YAML: {error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise wrong(name, 1, f"It is no YAML: {' '.join(str(error).split())[:200]}.") from error
    if root is None:
        raise wrong(name, 1, "It is empty.")
    return Node(name, root)


def _events(text: str) -> Iterator[yaml.Event]:
    parse: Callable[..., Iterator[yaml.Event]] = yaml.parse
    return parse(text, Loader=yaml.SafeLoader)
