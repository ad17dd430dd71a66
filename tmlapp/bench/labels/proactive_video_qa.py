"""ProactiveVideoQA's files: `{WEB,EGO,TV,VAD}/anno.json` with `videos/`, and predictions as JSONL."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tmlapp.bench.data import Quarantined, Subtitle, is_inside, is_there
from tmlapp.bench.labels.rows import strict_json, write_rows
from tmlapp.bench.said import Said, is_time
from tmlapp.bench.truth import LIMIT_S
from tmlapp.core.errors import AppError

CATEGORIES = ("WEB", "EGO", "TV", "VAD")
ITEMS = {"WEB": 500, "EGO": 326, "TV": 500, "VAD": 101}
SUBTITLE_MOST_S = 5.0
"""A subtitle has a start only: it stays until the next one, but not longer than this (our choice)."""
_PREFIX = "Subtitle:"
SCORER = "pauc/judge_llm_scores_openai.py"
"""Where the official repository keeps the text that its judge is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One row: the truth for the grader, the video and the subtitles to draw into it."""

    truth: dict[str, Any]
    video: Path
    subtitles: tuple[Subtitle, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """The usable rows, what was set aside, and sha256 of the files."""

    rows: tuple[Question, ...]
    quarantined: tuple[Quarantined, ...]
    files: Mapping[str, str]


class RowError(Exception):
    """Why a row cannot be used."""


def read_questions(folder: Path, categories: Sequence[str], where: str) -> Questions:
    """Every question of `categories` in `folder`.

    Raises:
        AppError: no category is there, a file cannot be read, or no row can be used.
    """
    files = {c: folder / c / "anno.json" for c in categories if (folder / c / "anno.json").is_file()}
    if not files:
        wanted = ", ".join(f"{c}/anno.json" for c in categories)
        raise AppError(f"There is no ProactiveVideoQA in {folder}.", f"None of {wanted} is there.", where)
    rows: list[Question] = []
    aside: list[Quarantined] = []
    hashes = {}
    for category, file in files.items():
        content, hashes[f"{category}/anno.json"] = _json_list(file)
        seen: set[str] = set()
        for number, raw in enumerate(content):
            name = f"{category}[{number}]"
            try:
                question = _question(file.parent, category, raw)
                name = f"{category}/{question.truth['question_id']}"
                if question.truth["question_id"] in seen:
                    raise RowError("the question_id stands there twice")
            except RowError as error:
                aside.append(Quarantined(row=name, why=str(error), kind="damaged"))
                continue
            seen.add(question.truth["question_id"])
            if is_inside(question.truth["video"]) and is_there(question.video):
                rows.append(question)
            else:
                aside.append(Quarantined(row=name, why=f"{question.video.name} is not in videos/", kind="missing"))
    if not rows:
        raise (
            AppError(f"No question in {folder} can be used.", f"The first: {aside[0].row}: {aside[0].why}.", where)
            if aside
            else AppError(f"No question in {folder} can be used.", "The files hold empty lists.", where)
        )
    return Questions(rows=tuple(rows), quarantined=tuple(aside), files=hashes)


def _json_list(file: Path) -> tuple[list[Any], str]:
    try:
        content = file.read_bytes()
        value = strict_json(content.decode("utf-8-sig"))
    except OSError as error:
        raise AppError(f"{file} cannot be read.", f"{error.strerror}.", "Check path and rights.") from error
    except (ValueError, RecursionError) as error:
        raise AppError(f"{file} is not JSON.", f"{error}.", "Fetch it anew.") from error
    if not isinstance(value, list):
        raise AppError(f"{file} holds no list of questions.", f"It holds a {type(value).__name__}.", "Fetch it anew.")
    return value, hashlib.sha256(content).hexdigest()


def _question(folder: Path, category: str, raw: Any) -> Question:
    truth = truth_of(category, raw)
    return Question(
        truth=truth,
        video=folder / "videos" / truth["video"],
        subtitles=subtitles_of(raw["conversation"][1:], truth["duration"]),
    )


def truth_of(category: str, raw: Any) -> dict[str, Any]:
    """The truth of a row: members named as in anno.json, of the conversation only the question.

    Raises:
        RowError: a member is missing or malformed, or a span has no length.
    """
    if not isinstance(raw, Mapping):
        raise RowError("it is no JSON object")
    conversation, answers = raw.get("conversation"), raw.get("answer")
    if not isinstance(conversation, list) or not conversation or not isinstance(conversation[0], Mapping):
        raise RowError("conversation is missing")
    if not isinstance(answers, list) or not answers:
        raise RowError("answer is missing")
    duration = _seconds("duration", raw.get("duration"))
    if duration <= 0:
        raise RowError("duration is 0")
    return {
        "category": category,
        "question_id": _text("question_id", raw.get("question_id")),
        "video": _text("video", raw.get("video")),
        "duration": duration,
        "question": _text("the question", conversation[0].get("content")),
        "answer": [_answer(i, answer) for i, answer in enumerate(answers)],
    }


def _answer(number: int, raw: Any) -> dict[str, Any]:
    if not isinstance(raw, Mapping):
        raise RowError(f"answer {number} is no JSON object")
    spans = {key: _span(f"{key} of answer {number}", raw.get(key)) for key in ("related_timespan", "reply_timespan")}
    if spans["reply_timespan"][0] == spans["reply_timespan"][1]:
        raise RowError(f"reply_timespan of answer {number} has no length")
    return {"content": _text(f"answer {number}", raw.get("content")), **spans}


def _span(name: str, raw: Any) -> list[float]:
    if not isinstance(raw, list | tuple) or len(raw) != 2:
        raise RowError(f"{name} is not [start, end]")
    span = [_seconds(name, value) for value in raw]
    if span[1] < span[0]:
        raise RowError(f"{name} goes backwards")
    return span


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LIMIT_S:
        raise RowError(f"{name} is {value!r}, not a time in seconds")
    return float(value)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"{name} is missing")
    return value


def subtitles_of(lines: Sequence[Any], duration_s: float) -> tuple[Subtitle, ...]:
    """The lines of a conversation after the question, each until the next one begins.

    Raises:
        RowError: a line has no time or no text.
    """
    timed = []
    for line in lines:
        if not isinstance(line, Mapping) or not isinstance(line.get("content"), str):
            raise RowError("a subtitle has no text")
        timed.append((_seconds("the time of a subtitle", line.get("time")), line["content"]))
    timed.sort(key=lambda pair: pair[0])
    found = []
    for t, content in timed:
        # The next later one: two lines of one instant are shown together.
        until = min([t + SUBTITLE_MOST_S, *(later for later, _ in timed if later > t)])
        text = content.removeprefix(_PREFIX).strip()
        if text and t < duration_s:
            found.append(Subtitle(t, min(until, duration_s), text))
    return tuple(found)


def split_id(compound: str) -> tuple[str, int, float]:
    """`question_id=turn=time` in its parts; from the right, because ids of TV hold `=` themselves.

    Raises:
        AppError: it is no such id.
    """
    parts = compound.rsplit("=", 2)
    try:
        return parts[0], int(parts[1]), float(parts[2])
    except (IndexError, ValueError) as error:
        raise AppError(f"{compound!r} names no reply.", f"{error}.", "Write it as question_id=turn=time.") from error


def write_predictions(path: Path, rows: Iterable[tuple[str, Iterable[tuple[float, str]]]]) -> Path:
    """Write a prediction file: question id and replies (time in the video, text).

    Raises:
        AppError: it cannot be written.
    """
    lines = []
    for name, replies in rows:
        listed = [{"time": t, "content": text, "role": "assistant"} for t, text in replies]
        lines.append({"question_id": name, "model_response_list": listed})
    return write_rows(path, lines)


def read_predictions(path: Path) -> dict[str, tuple[Said, ...]]:
    """The replies of a prediction file by question id; roles other than the assistant's are ignored.

    Raises:
        AppError: the file cannot be read, or a line is no prediction.
    """
    found = {}
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            found[str(row["question_id"])] = replies_of(row["model_response_list"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise AppError(
                f"Line {number} of {path} is no prediction.",
                f"{type(error).__name__}: {error}.",
                'Write it as {"question_id": …, "model_response_list": [{"time": …, "content": …, "role": …}]}.',
            ) from error
    return found


def replies_of(listed: Sequence[Mapping[str, Any]]) -> tuple[Said, ...]:
    """The assistant's entries of a `model_response_list`.

    Raises:
        ValueError, KeyError, TypeError: an entry has no time or no text.
    """
    found = []
    for entry in listed:
        if entry.get("role", "assistant") == "assistant":
            t = float(entry["time"])
            if not is_time(t):
                raise ValueError(f"the time of a reply is {t}")
            found.append(Said(t, str(entry["content"])))
    return tuple(found)


def read_judged(path: Path) -> list[tuple[str, str]]:
    """Compound id and reply of every verdict in a file: `{"custom_id", "content"}`, or the output of OpenAI's batches.

    Lines of another kind (predictions may lie in the same folder) are not verdicts, and are left out.

    Raises:
        AppError: the file cannot be read, or is not JSONL.
    """
    found = []
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise AppError(f"Line {number} of {path} is not JSON.", f"{error}.", "Give a JSONL file.") from error
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            found.append((row["custom_id"], _reply(row)))
    return found


def _reply(row: Mapping[str, Any]) -> str:
    if "content" in row:
        return str(row["content"])
    try:
        return str(row["response"]["body"]["choices"][0]["message"]["content"])
    except (KeyError, IndexError, TypeError):
        # A batch keeps what went wrong instead: a reply that cannot be read, hence ungraded.
        return ""


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(f"{path} cannot be read.", f"{error}.", "Give a JSONL file in UTF-8.") from error
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def official_prompt(checkout: Path) -> str:
    """The judge's system text in the user's copy of the official repository; the file is read, never run.

    Raises:
        AppError: it is not there, or holds no such text.
    """
    path = checkout / SCORER
    fix = "Name the folder of a checkout of yellow-binary-tree/ProactiveVideoQA, or none for the wording of ours."
    try:
        tree = ast.parse(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, SyntaxError, RecursionError) as error:
        raise AppError(f"The official prompt cannot be read from {path}.", f"{error}.", fix) from error
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            message = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
            role, content = message.get("role"), message.get("content")
            if isinstance(content, ast.Name):
                content = named.get(content.id)
            if isinstance(role, ast.Constant) and role.value == "system" and isinstance(content, ast.Constant):
                return str(content.value)
    raise AppError(f"The official prompt cannot be read from {path}.", "It holds no system message.", fix)
