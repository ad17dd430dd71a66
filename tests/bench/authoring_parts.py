"""Sets, takes and commands for tests of the editor: ready ones, and any that hypothesis can think of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tmlapp.bench.authoring import commands as c
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.model import (
    RATE_HZ,
    SPARE_SAMPLES,
    Expectation,
    ItemDraft,
    ItemSet,
    Source,
    Span,
    Speaker,
    Take,
    UserWord,
)

SAMPLES = 10 * RATE_HZ
ODD_TEXTS = ["", "è ü 你好 🙂", "\ud800 half", "\x00\x1f\u2028", "long " * 2000, "butterfly"]


def expectation(name: str = "e1", at: int = 4 * RATE_HZ, **changes: Any) -> Expectation:
    given: dict[str, Any] = {"id": name, "kind": "time", "cue": Span(at, at), "t_ref": at}
    return Expectation(**(given | {"window": Span(at - 8000, at + 24_000)} | changes))


def take(name: str = "t1", **changes: Any) -> Take:
    given: dict[str, Any] = {"id": name, "audio": f"takes/x/{name}.wav", "samples": SAMPLES, "sha256": "0" * 64}
    return Take(**(given | changes))


def state_with_take() -> ItemSet:
    """One item, one take, one speaker, one word, one expectation."""
    made = take(user_words=(UserWord(Span(16_000, 24_000), "hello"),), expectations=(expectation(),), speaker="s1")
    return ItemSet(speakers=(Speaker("s1"),), items=(ItemDraft("ts-0001", "timespeak", takes=(made,), best="t1"),))


def edited(folder: Path, *commands: c.Command, **options: Any) -> Editor:
    """An editor on `folder` in which `commands` were done."""
    editor = Editor.open(folder, **options)
    for command in commands:
        editor.do(command)
    return editor


def some_commands(count: int) -> list[c.Command]:
    """`count` commands that can be done one after another in an empty set."""
    made: list[c.Command] = [c.AddItem(ItemDraft("ts-0001", "timespeak")), c.AddTake("ts-0001", take())]
    made += [c.SetItemField("ts-0001", "notes", f"note {n} ü\ud800") for n in range(count - 2)]
    return made[:count]


_names = st.sampled_from(["ts-0001", "cs-0002", "a", "b"])
_takes = st.sampled_from(["t1", "t2", "t3"])
_ids = st.sampled_from(["e1", "e2", "e3"])
_texts = st.sampled_from(ODD_TEXTS) | st.text(alphabet=st.characters(), max_size=20)
_times = st.integers(-10, SAMPLES + SPARE_SAMPLES + 10) | st.sampled_from([0, SAMPLES, SAMPLES + SPARE_SAMPLES])
_spans = st.builds(Span, _times, _times)
_good_spans = st.tuples(st.integers(0, SAMPLES), st.integers(0, SAMPLES)).map(lambda t: Span(min(t), max(t)))
_any_spans = _good_spans | _spans
_words = st.builds(UserWord, _any_spans, _texts)
_expectations = st.builds(
    Expectation,
    id=_ids,
    kind=st.sampled_from(["time", "event"]),
    cue=_any_spans,
    t_ref=st.integers(0, SAMPLES) | _times,
    window=_any_spans,
    meaning=_texts,
    accept=st.lists(_texts, max_size=2).map(tuple),
    required=st.booleans(),
    while_user_speaks=st.none() | st.booleans(),
)
_speakers = st.builds(Speaker, id=st.sampled_from(["s1", "s2"]), consent=st.booleans(), room=_texts)
_sources = st.builds(Source, kind=st.just("import"), name=_texts, kept=st.sampled_from(["", "takes/x/o.wav", "../o"]))
_made_takes = st.builds(
    take,
    _takes,
    speaker=st.sampled_from(["", "", "s1"]),
    expectations=st.lists(_expectations, max_size=1).map(tuple),
    source=st.none() | _sources,
    discarded=st.booleans(),
)
_items = st.builds(
    ItemDraft,
    id=_names,
    suite=st.sampled_from(["timespeak", "cuespeak"]),
    instruction=_texts,
    takes=st.lists(_made_takes, max_size=1).map(tuple),
)
_fields = st.sampled_from(["name", "suite", "version", "licence", "author", "description", "changelog"])
_item_fields = st.sampled_from(["suite", "category", "lang", "instruction", "script", "notes", "author", "licence"])
_places = st.none() | st.integers(-1, 3)
_texts_of_fields = _texts | st.sampled_from(["timespeak", "cuespeak"])

single = st.one_of(
    st.builds(c.SetField, _fields, _texts_of_fields),
    st.builds(c.AddSpeaker, _speakers),
    st.builds(c.SetSpeaker, st.sampled_from(["s1", "s2"]), _speakers),
    st.builds(c.RemoveSpeaker, st.sampled_from(["s1", "s2"])),
    st.builds(c.AddItem, _items, _places),
    st.builds(c.RemoveItem, _names),
    st.builds(c.RenameItem, _names, _names),
    st.builds(c.DuplicateItem, _names, _names, st.booleans()),
    st.builds(c.MoveItem, _names, st.integers(-1, 3)),
    st.builds(c.SetItemField, _names, _item_fields, _texts_of_fields),
    st.builds(c.AddTake, _names, _made_takes),
    st.builds(c.RemoveTake, _names, _takes),
    st.builds(c.DiscardTake, _names, _takes),
    st.builds(c.RestoreTake, _names, _takes),
    st.builds(c.ChooseBest, _names, st.none() | _takes),
    st.builds(c.SetTakeSpeaker, _names, _takes, st.sampled_from(["", "s1", "s2"])),
    st.builds(c.SetInstructionSpan, _names, _takes, st.none() | _any_spans),
    st.builds(c.SetStop, _names, _takes, st.none() | _times),
    st.builds(c.AddWord, _names, _takes, _words),
    st.builds(c.SetWord, _names, _takes, st.integers(-1, 2), _words),
    st.builds(c.RemoveWord, _names, _takes, st.integers(-1, 2)),
    st.builds(c.ReplaceWords, _names, _takes, st.lists(_words, max_size=2).map(tuple)),
    st.builds(c.AddExpectation, _names, _takes, _expectations, _places),
    st.builds(c.RemoveExpectation, _names, _takes, _ids),
    st.builds(c.SetExpectation, _names, _takes, _ids, _expectations),
    st.builds(c.SetWindow, _names, _takes, _ids, _any_spans),
    st.builds(c.SetCue, _names, _takes, _ids, _any_spans, _times),
    st.builds(
        c.ReplaceExpectations,
        _names,
        _takes,
        st.lists(_expectations, max_size=2).map(tuple),
        st.sampled_from(["template", "copy", "drops", "file"]),
    ),
)
any_command: st.SearchStrategy[c.Command] = single | st.builds(
    c.Together, st.lists(single, max_size=3).map(tuple), _texts
)
