"""What was done and can be undone, as a value; and the same from the entries of a journal."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from tmlapp.bench.authoring import codec, commands, model
from tmlapp.bench.authoring.codec import FormError
from tmlapp.bench.authoring.command import Command
from tmlapp.bench.authoring.model import ItemDraft, ItemSet, Speaker

MOST_STEPS = 1000
_LISTS = ("speakers", "items")


@dataclass(frozen=True, slots=True)
class Step:
    """One change that can be undone; states share what they have in common, so that keeping both costs little."""

    title: str
    before: ItemSet
    after: ItemSet


@dataclass(frozen=True, slots=True)
class History:
    """The state, the steps that led to it (newest last), and those that were undone (next to redo last)."""

    state: ItemSet
    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()


def did(history: History, command: Command) -> History:
    """After `command`.

    Raises:
        AppError: the command cannot be applied.
    """
    after = command.apply(history.state)
    title = getattr(command, "label", "") or command.title
    return History(after, (*history.done, Step(title, history.state, after))[-MOST_STEPS:])


def undid(history: History) -> History:
    """After taking back the last step.

    Raises:
        IndexError: there is none.
    """
    step = history.done[-1]
    return History(step.before, history.done[:-1], (*history.undone, step))


def redid(history: History) -> History:
    """After doing again what was undone last.

    Raises:
        IndexError: there is none.
    """
    step = history.undone[-1]
    return History(step.after, (*history.done, step), history.undone[:-1])


def entry_of(n: int, when: str, op: str, before: ItemSet, after: ItemSet, command: Command | None) -> dict[str, Any]:
    """The line of a journal: `do` with its command; `undo` and `redo` with what differs, so that they can be repeated
    although what they undo was saved long ago.
    """
    body = {"command": command.to_json()} if command else {"patch": difference(before, after)}
    return {"n": n, "when": when, "op": op, **body}


def replay(history: History, entry: dict[str, Any]) -> History:
    """After the change that `entry` describes.

    Raises:
        FormError: the entry describes none.
        AppError: its command cannot be applied.
    """
    match entry.get("op"):
        case "do":
            return did(history, commands.from_json(entry.get("command")))
        case "undo":
            to = patched(history.state, entry.get("patch"))
            step = Step(history.done[-1].title if history.done else "", to, history.state)
            return History(to, history.done[:-1], (*history.undone, step))
        case "redo":
            to = patched(history.state, entry.get("patch"))
            step = Step(history.undone[-1].title if history.undone else "", history.state, to)
            return History(to, (*history.done, step), history.undone[:-1])
        case op:
            raise FormError(f"the journal holds {ascii(op)[:40]}, which is no kind of change")


def difference(before: ItemSet, after: ItemSet) -> dict[str, Any]:
    """What turns `before` into `after`: texts and speakers that differ, items that differ, and the order if it does."""
    found: dict[str, Any] = {}
    for f in fields(ItemSet):
        if f.name not in _LISTS and getattr(before, f.name) != getattr(after, f.name):
            found[f.name] = getattr(after, f.name)
    if before.speakers != after.speakers:
        found["speakers"] = codec.to_json(after.speakers)
    old = {item.id: item for item in before.items}
    found["items"] = [codec.to_json(item) for item in after.items if old.get(item.id) != item]
    order = [item.id for item in after.items]
    if list(old) != order:
        found["order"] = order
    return found


def patched(state: ItemSet, raw: object) -> ItemSet:
    """`state` after what `difference` found.

    Raises:
        FormError: it is no such difference, or does not fit the state.
    """
    if not isinstance(raw, dict):
        raise FormError("a change of the journal says nothing")
    texts = {key: raw[key] for key in raw if key not in ("items", "order", "speakers")}
    unknown = set(texts) - {f.name for f in fields(ItemSet)}
    if unknown or not isinstance(raw.get("items"), list):
        raise FormError("a change of the journal holds what no set has")
    items = {item.id: item for item in state.items}
    for value in raw["items"]:
        item = codec.from_json(ItemDraft, value, "items")
        items[item.id] = item
    order = raw.get("order", list(items))
    if not isinstance(order, list) or not all(isinstance(name, str) and name in items for name in order):
        raise FormError("a change of the journal orders items that the set does not have")
    found = replace(state, items=tuple(items[name] for name in order), **texts)
    if "speakers" in raw:
        speakers = codec.from_json(tuple[Speaker, ...], raw["speakers"], "speakers")
        found = replace(found, speakers=speakers)
    # Texts came in unchecked.
    return model.from_json(model.to_json(found))
