"""Answers of raters come home: checked against the key, then added to the runs as verdicts with their provenance."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.annotations import append, new_annotation, read_file
from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.people.packet_files import (
    KEY,
    KEY_SCHEMA,
    MEDIA,
    PACKET,
    PREFERENCE,
    AnswerFile,
    Given,
    read_answers,
)
from tmlapp.bench.people.preference import PREFERENCE_KIND
from tmlapp.bench.people.verdicts import PEOPLE, Subject, give
from tmlapp.bench.runs.lines import read_object, write_whole
from tmlapp.bench.runs.run import is_run, read_info
from tmlapp.core.errors import AppError

TABLE = "merged.csv"
_RUN = ("folder", "relative", "items_sha256", "endpoint")
COLUMNS = ("packet", "rater", "run", "endpoint", "item", "key", "aspect", "value", "confidence", "note", "heard_first")


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What was added: `written` verdicts, `known` ones that stood there already, `missing` questions, the table."""

    packet: str
    raters: tuple[str, ...]
    written: int
    known: int
    missing: int
    table: Path
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"raters": list(self.raters), "table": str(self.table), "notes": list(self.notes)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One checked answer: `runs` in the order in which they were heard."""

    rater: str
    question: str
    item: str
    key: str
    aspect: str
    scale: tuple[str, ...]
    runs: tuple[int, ...]
    given: Given


def merge_packets(key_folder: Path, answers: Sequence[Path], *, partial: bool = False) -> Merged:
    """Add the answers in files or packet folders to the runs that `key_folder` names. All of them, or none.

    Args:
        partial: questions without an answer are no reason to refuse.

    Raises:
        AppError: an answer belongs to another packet, a packet or a sound was changed, a question is unknown or
            unanswered, or a run is not where it was.
    """
    key = read_key(key_folder)
    files = [read_answers(path) for path in answers]
    twice = sorted({f.rater for f in files if sum(g.rater == f.rater for g in files) > 1})
    if twice:
        raise _refused(files[0].path, f"{twice[0]} is there twice.", "Name the newest file of each rater only.")
    notes: list[str] = []
    checked: list[_Answer] = []
    missing = 0
    for path, file in zip(answers, files, strict=True):
        asked = _checked_files(key, file, path, notes)
        checked += _answers(file, asked)
        missing += len(asked) - len(file.answers)
        if len(file.answers) < len(asked) and not partial:
            raise _refused(
                file.path,
                f"{len(asked) - len(file.answers)} of {len(asked)} questions have no answer.",
                "Wait for the rest, or add --partial.",
            )
    runs = [_run_folder(entry, key_folder) for entry in key["runs"]]
    written, known = _write(checked, runs, str(key["packet"]))
    table = key_folder / TABLE
    write_whole(table, _utf8(_table(runs, key)).encode())
    return Merged(
        packet=str(key["packet"]),
        raters=tuple(f.rater for f in files),
        written=written,
        known=known,
        missing=missing,
        table=table,
        notes=tuple(notes),
    )


def read_key(folder: Path) -> Mapping[str, Any]:
    """The key in `folder`.

    Raises:
        AppError: there is none, or it is damaged.
    """
    plain = read_object(folder / KEY)
    if plain is None or plain.get("schema") != KEY_SCHEMA or not _is_whole(plain):
        raise AppError(
            f"{folder} holds no key of packets.", f"Its {KEY} is missing or damaged.", "Name the folder of the key."
        )
    return plain


def _is_whole(key: Mapping[str, Any]) -> bool:
    """Everything that merging reads is there, and of its kind."""
    try:
        texts = [key["packet"], *(run[name] for run in key["runs"] for name in _RUN)]
        for rater in key["raters"].values():
            texts += [rater["packet_sha256"], *rater["media"], *rater["media"].values()]
            for question in rater["questions"].values():
                texts += [question["item"], question["key"], question["aspect"], *question["scale"]]
                _ = [key["runs"][number]["folder"] for number in question["runs"]]
    except (TypeError, KeyError, AttributeError, IndexError):
        return False
    return all(isinstance(text, str) for text in texts)


def _checked_files(key: Mapping[str, Any], file: AnswerFile, given: Path, notes: list[str]) -> Mapping[str, Any]:
    """The questions that this rater was asked, once everything is what it was when it was made."""
    if file.packet != key["packet"]:
        raise _refused(
            file.path, f"It answers packet {file.packet}, the key is of {key['packet']}.", "Name its own key."
        )
    own = key["raters"].get(file.rater)
    if own is None:
        raise _refused(file.path, f"The key knows no {file.rater}.", "Name the answers of this packet.")
    if file.packet_sha256 != own["packet_sha256"]:
        raise _refused(
            file.path, "Its questions are not those that were sent (another sha256).", "Send the packet again."
        )
    asked: Mapping[str, Any] = own["questions"]
    folder = given if given.is_dir() else file.path.parent
    if not (folder / PACKET).is_file():
        notes.append(f"{file.path.name} of {file.rater} came without its packet: its sounds could not be checked")
        return asked
    if file_sha256(folder / PACKET) != own["packet_sha256"]:
        raise _refused(folder / PACKET, "It was changed after it was sent (another sha256).", "Send the packet again.")
    for name, digest in own["media"].items():
        sound = folder / MEDIA / name
        if not sound.is_file() or file_sha256(sound) != digest:
            raise _refused(
                sound,
                "It is missing." if not sound.is_file() else "It is not the sound that was sent (another sha256).",
                "Ask the rater what was heard; do not count these answers.",
            )
    return asked


def _answers(file: AnswerFile, asked: Mapping[str, Any]) -> list[_Answer]:
    found: list[_Answer] = []
    for name, given in file.answers.items():
        question = asked.get(name)
        if question is None:
            raise _refused(file.path, f"It answers {name}, which was not asked.", "Name the answers of this packet.")
        if given.value not in question["scale"]:
            raise _refused(
                file.path,
                f"{given.value!r} is no answer to {name} (the scale is {', '.join(question['scale'])}).",
                "Ask the rater to save them again.",
            )
        found.append(
            _Answer(
                rater=file.rater,
                question=name,
                item=question["item"],
                key=question["key"],
                aspect=question["aspect"],
                scale=tuple(question["scale"]),
                runs=tuple(question["runs"]),
                given=given,
            )
        )
    return found


def _refused(path: Path, why: str, fix: str) -> AppError:
    return AppError(f"{path} was refused; nothing was merged.", why, fix)


def _run_folder(entry: Mapping[str, Any], key_folder: Path) -> Path:
    for folder in (Path(entry["folder"]), key_folder / entry["relative"]):
        if is_run(folder) and read_info(folder).items_sha256 == entry["items_sha256"]:
            return folder
    raise AppError(
        f"The run {entry['folder']} is not where it was.",
        "There is no run there, or one with other items.",
        "Put it back, then merge again.",
    )


def _write(answers: Sequence[_Answer], runs: Sequence[Path], packet: str) -> tuple[int, int]:
    known = [{a.id for a in read_file(run / PEOPLE).everything} for run in runs]
    pair = [read_info(run).created + "/" + run.name for run in runs]
    written = already = 0
    for answer in answers:
        # The same answer merged again is the same line, another answer to the same question a new one.
        text = "\0".join(
            (packet, answer.rater, answer.question, answer.given.value, str(answer.given.confidence), answer.given.note)
        )
        for run in sorted(set(answer.runs)):
            name = uuid.uuid5(uuid.NAMESPACE_OID, _utf8(f"{run}\0{text}")).hex
            if name in known[run]:
                already += 1
                continue
            _keep(answer, runs[run], name, packet, [pair[k] for k in answer.runs])
            written += 1
    return written, already


def _keep(answer: _Answer, run: Path, name: str, packet: str, heard: Sequence[str]) -> None:
    why = f"packet {packet} was merged"
    given = answer.given
    if answer.aspect == PREFERENCE:
        data: dict[str, Any] = {"item": answer.item, "value": given.value, "rater": answer.rater, "packet": packet}
        data |= {"pair": list(heard), "confidence": given.confidence, "note": given.note}
        append(run / PEOPLE, new_annotation(PREFERENCE_KIND, data=data, why=why, id=name))
        return
    give(
        run,
        Subject(answer.item, answer.key, answer.aspect),  # type: ignore[arg-type]
        given.value,
        rater=answer.rater,
        confidence=given.confidence,
        note=given.note,
        scale=answer.scale,
        more={"packet": packet, "blind": True},
        why=why,
        id=name,
    )


def _table(runs: Sequence[Path], key: Mapping[str, Any]) -> str:
    """Everything of this packet that stands in the runs so far."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for folder, entry in zip(runs, key["runs"], strict=True):
        for annotation in read_file(folder / PEOPLE).current:
            data = annotation.data
            if data.get("packet") != key["packet"]:
                continue
            pair = data.get("pair") or [""]
            row = [data.get("packet"), data.get("rater"), folder.name, entry["endpoint"], data.get("item")]
            row += [data.get("key", ""), data.get("aspect", PREFERENCE), data.get("value"), data.get("confidence", "")]
            table.writerow([*row, _as_text(str(data.get("note", ""))), str(pair[0]).partition("/")[2]])
    return out.getvalue()


def _utf8(text: str) -> str:
    """Halves of surrogate pairs, as browsers hand them over, in words that UTF-8 has; all other text as it is."""
    return text.encode("utf-8", "backslashreplace").decode()


def _as_text(note: str) -> str:
    """A note of somebody else, so that a spreadsheet does not take it for a formula; the verdict keeps it as it is."""
    return f"'{note}" if note.startswith(("=", "+", "-", "@", "\t", "\r")) else note
