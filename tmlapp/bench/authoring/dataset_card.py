"""The texts of an exported dataset: its card, with the front matter that `datasets` reads, and its changelog."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from tmlapp.bench.authoring.dataset_row import KNOWN
from tmlapp.bench.authoring.dataset_split import counts
from tmlapp.bench.labels.speak_items import SCHEMA
from tmlapp.bench.suites.speak_params import SpeakParams

Row = Mapping[str, Any]

_S, _F, _B = "string", "float64", "bool"
_TIMES = (("t0", _F), ("t1", _F))
_FIELDS: tuple[tuple[str, Any], ...] = (
    ("schema", _S), ("suite", _S), ("id", _S), ("category", _S), ("lang", _S),
    ("input", {"struct": (("audio", _S), ("video", _S), ("duration_s", _F),
                          ("sha256", {"struct": (("audio", _S), ("video", _S))}))}),
    ("instruction", {"struct": (("text", _S), *_TIMES)}),
    ("user_words", {"list": (*_TIMES, ("text", _S))}),
    ("expectations", {"list": (
        ("id", _S), ("cue", {"struct": (("kind", _S), *_TIMES, ("text", _S))}), ("t_ref", _F), ("window", {"list": _F}),
        ("meaning", _S), ("accept", {"list": _S}), ("reject", {"list": _S}), ("required", _B),
        ("while_user_speaks", _B),
    )}),
    ("stop_t", _F), ("notes", _S), ("author", _S), ("licence", _S), ("created_at", _S), ("script", _S), ("split", _S),
    ("speaker", {"struct": (("id", _S), ("consent", _B), ("consent_date", _S), ("language", _S), ("device", _S),
                            ("room", _S))}),
)  # fmt: skip
"""Types of all members, so that a column that is null in one part is what it is in the other."""

_HUB_LICENCES = frozenset(
    ("apache-2.0", "mit", "cc", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0",
     "cc-by-sa-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0",
     "cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "odbl", "odc-by", "pddl",
     "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "gpl-3.0", "bsd", "unlicense", "wtfpl")
)  # fmt: skip
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a card is written from; `parts` are the rows of each part of the dataset."""

    name: str
    version: str
    licence: str
    author: str
    description: str
    rows: Sequence[Row]
    parts: Mapping[str, Sequence[Row]]
    files: Mapping[str, str]
    seed: int


def readme(card: Card) -> str:
    """The card: front matter in YAML, then text for people. The same for the same content."""
    return f"---\n{_front_matter(card)}---\n\n{_text(card)}"


def _front_matter(card: Card) -> str:
    languages = sorted({re.split(r"[-_]", row["lang"])[0].lower() for row in card.rows if row["lang"]})
    licence = card.licence.strip().lower().replace(" ", "-")
    size = next((label for limit, label in _SIZES if len(card.rows) < limit), "100K<n<1M")
    matter: dict[str, Any] = {"pretty_name": card.name or "Items"}
    matter |= {"license": licence} if licence in _HUB_LICENCES else _other(card.licence)
    matter |= {"language": languages} if languages else {}
    matter |= {
        "size_categories": [size],
        "tags": ["audio", "interaction-models", *sorted({row["suite"] for row in card.rows})],
        "version": card.version,
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": part, "path": card.files[part]} for part in card.parts],
            }
        ],
    }
    features = _features(card.rows)
    if features is not None:
        matter["dataset_info"] = {"features": features}
    text: str = yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, width=1_000)
    return text


def _other(licence: str) -> dict[str, str]:
    return {"license": "other", "license_name": licence.strip() or "none stated"}


# ---------------------------------------------------------------------- types


def _features(rows: Sequence[Row]) -> list[dict[str, Any]] | None:
    """Types as `datasets` writes them; None where members that somebody added have no type of their own."""
    known = [_named(name, kind) for name, kind in _FIELDS]
    added: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            if name not in KNOWN:
                added[name] = _joined(added[name], _kind(value)) if name in added else _kind(value)
    for name, kind in added.items():
        shown = _shown(kind)
        if shown is None:
            return None
        known.append(_named(name, shown))
    return known


_MIXED = object()


def _kind(value: object) -> Any:
    """The type of a JSON value: a name, None for null, `{"list": …}` or `{"struct": ((name, type), …)}`."""
    if value is None:
        return None
    for types, name in ((bool, _B), (int, "int64"), (float, _F), (str, _S)):
        if isinstance(value, types):
            return name
    if isinstance(value, list):
        inner: Any = None
        for one in value:
            inner = _joined(inner, _kind(one))
        return {"list": inner}
    if isinstance(value, Mapping):
        return {"struct": tuple((str(name), _kind(one)) for name, one in value.items())}
    return _MIXED


def _joined(one: Any, other: Any) -> Any:
    """The type that holds both."""
    if one is None or other is None or one == other:
        return other if one is None else one
    if {str(one), str(other)} == {"int64", _F}:
        return _F
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        if "list" in one:
            return {"list": _joined(one["list"], other["list"])}
        members = dict(one["struct"])
        for name, kind in other["struct"]:
            members[name] = _joined(members[name], kind) if name in members else kind
        return {"struct": tuple(members.items())}
    return _MIXED


def _shown(kind: Any) -> Any:
    """A type without gaps: what is null everywhere is a text; None where there is none."""
    if kind is _MIXED:
        return None
    if kind is None:
        return _S
    if not isinstance(kind, dict):
        return kind
    if "list" in kind:
        inner = _shown(kind["list"])
        return None if inner is None else {"list": inner}
    members = tuple((name, _shown(inner)) for name, inner in kind["struct"])
    return None if not members or any(inner is None for _, inner in members) else {"struct": members}


def _named(name: str, kind: Any) -> dict[str, Any]:
    return {"name": name, **_written(kind)}


def _written(kind: Any) -> dict[str, Any]:
    if isinstance(kind, str):
        return {"dtype": kind}
    if "struct" in kind:
        return {"struct": [_named(name, inner) for name, inner in kind["struct"]]}
    inner = kind["list"]
    if isinstance(inner, str):
        return {"list": inner}
    if isinstance(inner, dict):
        return {"list": _written(inner)}
    return {"list": [_named(name, one) for name, one in inner]}


# ---------------------------------------------------------------------- text


def _text(card: Card) -> str:
    rows = card.rows
    seconds = sum(row["input"]["duration_s"] for row in rows)
    speakers = {row["speaker"]["id"]: row["speaker"] for row in rows if row["speaker"]}
    facts = [
        ("Version", card.version), ("Licence", card.licence or "none stated"), ("Author", card.author or "not stated"),
        ("Items", f"{len(rows)} ({_listed(row['suite'] for row in rows)})"),
        ("Sound", f"{seconds / 60:.1f} min, 16 kHz mono PCM16"),
        ("With video", str(sum(bool(row["input"]["video"]) for row in rows))),
        ("Speakers", str(len(speakers))), ("Languages", _listed(row["lang"] for row in rows)),
        ("Categories", _listed(row["category"] for row in rows)),
    ]  # fmt: skip
    blocks = [
        f"# {_line(card.name) or 'Items'}",
        card.description.strip(),
        _table(("", ""), facts),
        "## How to load it",
        _HOW.format(part=next(iter(card.parts), "test")),
        "## What is in it",
        _CONTENT.format(schema=SCHEMA),
        "## How it was recorded",
        _recorded(rows, speakers),
        "## Parts",
        _parts(card),
        "## How it is scored",
        _scored(),
        "## Changes",
        "See `CHANGELOG.md`. Checksums of all files stand in `CHECKSUMS.sha256` (`sha256sum -c CHECKSUMS.sha256`).",
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


_HOW = """\
```python
from pathlib import Path
from datasets import load_dataset

folder = Path("this-folder")
items = load_dataset(str(folder), split="{part}")
sound = folder / items[0]["input"]["audio"]  # paths are relative to this folder
```

`datasets` shows dates as time stamps; all other members are as in the file. \
`tmlapp bench run --suite timespeak --data FOLDER …` (or `cuespeak`) runs it."""

_CONTENT = """\
`items.jsonl` has one item per line, of the format `{schema}`: the user's sound with an instruction, and what a model \
is expected to say, when. All times are seconds, 0 at the first sample of the sound. Windows are always written out. \
`<id>/input.wav` is the sound, `<id>/input.mp4` the pictures where there are any."""


def _recorded(rows: Sequence[Row], speakers: Mapping[str, Mapping[str, Any]]) -> str:
    number = counts([row["speaker"]["id"] for row in rows if row["speaker"]])
    table = [
        (name, s["language"], s["device"], s["room"], f"{s['consent_date']}" if s["consent"] else "none", number[name])
        for name, s in sorted(speakers.items())
    ]
    nameless = sum(not row["speaker"] for row in rows)
    told = "Speakers are named by pseudonyms; the date is that of their consent."
    if nameless:
        told += f" Of {nameless} items the speaker is not named."
    if not table:
        return told
    head = ("Speaker", "Language", "Device", "Room", "Consent", "Items")
    return f"{told}\n\n{_table(head, table)}"


def _parts(card: Card) -> str:
    table = []
    for part, rows in card.parts.items():
        names = sorted({row["speaker"]["id"] for row in rows if row["speaker"]})
        table.append((part, card.files[part], len(rows), ", ".join(names)))
    head = ("Part", "File", "Items", "Speakers")
    return f"No speaker is in two parts (seed {card.seed}).\n\n{_table(head, table)}"


def _scored() -> str:
    params = SpeakParams()
    rows = [
        (suite, f"{params.window_before_s[suite]:+g} s", f"{params.window_after_s[suite]:+g} s")
        for suite in sorted(params.window_before_s)
    ]
    told = (
        "A reply counts if it begins within the window of an expectation and conveys its meaning. The windows of the "
        "items were set by hand, beginning with these defaults around the reference moment:"
    )
    after = (
        f"A session goes on for {params.tail_s:g} s after the sound. All other parameters, with the digest "
        f"`{params.sha256[:16]}` of their defaults, are stored in every result of tmlapp."
    )
    return f"{told}\n\n{_table(('Suite', 'before', 'after'), rows)}\n\n{after}"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [_cells(head), "|" + " --- |" * len(head), *(_cells(row) for row in rows)]
    return "\n".join(lines)


def _cells(values: Sequence[object]) -> str:
    return "| " + " | ".join(_line(str(value)).replace("|", "\\|") for value in values) + " |"


def _line(text: str) -> str:
    return " ".join(text.split())


def _listed(values: Iterable[str]) -> str:
    found = counts(list(values))
    return ", ".join(f"{_line(name)} {found[name]}" for name in sorted(found))


# ---------------------------------------------------------------------- changelog


def changelog(name: str, version: str, told: str, rows: Sequence[Row], before: Mapping[str, str] | None) -> str:
    """The changelog: what the author has written, with a section for this version on top if it has none.

    Args:
        told: the changelog so far, or notes on this version.
        before: digests of the items of the version before, by id; None: there is none that is known.
    """
    heading = f"## {version}"
    lines = told.strip().splitlines()
    if lines and lines[0].startswith("# "):
        lines = lines[1:]
    body = "\n".join(lines).strip()
    if heading in (line.strip() for line in lines):
        return f"# Changes of {_line(name) or 'the items'}\n\n{body}\n"
    sections = body.startswith("## ") or "\n## " in body
    notes, earlier = ("", body) if body.startswith("## ") else (body, "")
    if sections and not earlier:
        notes, _, rest = body.partition("\n## ")
        earlier = f"## {rest}"
    blocks = [f"# Changes of {_line(name) or 'the items'}", heading, notes.strip(), _difference(rows, before), earlier]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _difference(rows: Sequence[Row], before: Mapping[str, str] | None) -> str:
    if before is None:
        return f"- {len(rows)} items."
    now = {row["id"]: row for row in rows}
    groups = (
        ("added", [name for name in now if name not in before]),
        ("changed", [name for name in now if name in before and before[name] != content_sha256(now[name])]),
        ("removed", [name for name in before if name not in now]),
    )
    lines = [f"- {len(names)} {what}: {', '.join(names)}." for what, names in groups if names]
    return "\n".join(lines or ["- No item changed."])


def content_sha256(row: Row) -> str:
    """Digest of a line without the part that it belongs to."""
    content = {key: value for key, value in row.items() if key != "split"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
