"""Official result files of Full-Duplex-Bench v3: `{recording}/result_{provider}.json` and `output_{provider}.wav`."""

from __future__ import annotations

import json
import wave
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tmlapp.bench.answer import Answer, ToolUse, Word, utterances_of
from tmlapp.bench.background_tools import DELEGATE, read_arguments
from tmlapp.bench.data import SuiteItem
from tmlapp.bench.labels.fdb_v3 import places
from tmlapp.bench.labels.rows import file_json
from tmlapp.bench.suite import Answers, Sounds
from tmlapp.bench.suites.fdb_v3_scoring import CHUNKS, SPEECH_END, SPEECH_START, times_of
from tmlapp.core.errors import AppError
from tmlapp.core.resample import resample
from tmlapp.core.units import SAMPLE_RATE_HZ

PROVIDER = "tmlapp"
RATE_HZ = 24_000


def write(folder: Path, items: Sequence[SuiteItem], answers: Answers, sounds: Sounds) -> list[Path]:
    """Result and sound of every item that has an answer.

    Raises:
        AppError: a file cannot be written.
    """
    written: list[Path] = []
    for item in items:
        for part, answer in list(answers.get(item.id, {}).items())[:1]:
            place = folder / item.id
            sound = sounds(item.id, part)
            try:
                written += _written(place, result_of(item, answer), sound)
            except OSError as error:
                raise AppError(
                    f"{place} cannot be written.", f"{error.strerror}.", "Check the rights and the space on the disk."
                ) from error
    return written


def _written(place: Path, result: Mapping[str, Any], sound: Any) -> list[Path]:
    place.mkdir(parents=True, exist_ok=True)
    paths = [place / f"result_{PROVIDER}.json"]
    # Escaped, because half of a surrogate pair, which some models send, has no UTF-8.
    paths[0].write_text(json.dumps(result, indent=2) + "\n", encoding="ascii")
    if sound is not None:
        paths.append(place / f"output_{PROVIDER}.wav")
        pcm = resample(sound, SAMPLE_RATE_HZ, RATE_HZ)
        with wave.open(str(paths[1]), "wb") as file:
            file.setparams((1, 2, RATE_HZ, len(pcm), "NONE", "not compressed"))
            file.writeframes(pcm.astype("<i2").tobytes())
    return paths


def result_of(item: SuiteItem, answer: Answer) -> dict[str, Any]:
    """One result as the official scripts read it."""
    times = times_of(item.id, answer)
    first = min((tool.t0_s for tool in answer.tools if tool.name != DELEGATE), default=None)
    user_end = times.user_end_s
    return {
        "example_id": item.truth["example_id"], "provider": PROVIDER, "status": "success",
        "category": item.truth["domain"], "title": item.truth["title"],
        "input_transcript": answer.user_text, "input_asr_chunks": _chunks(answer.user_words),
        SPEECH_END: user_end, "transcript": answer.text, "asr_chunks": _chunks(answer.words),
        SPEECH_START: times.model_start_s, "perceived_total_latency": times.latency_s,
        "actual_tool_calls": [_call(tool) for tool in answer.tools if tool.name != DELEGATE],
        "latency": {
            "first_response_s": times.latency_s,
            "first_tool_call_s": None if first is None or user_end is None else first - user_end,
        },
    }  # fmt: skip


def _chunks(words: Sequence[Word]) -> list[dict[str, Any]]:
    return [{"text": word.text, "timestamp": [word.t0_s, word.t1_s]} for word in words]


def _call(tool: ToolUse) -> dict[str, Any]:
    args = read_arguments(tool.arguments) or {} if isinstance(tool.arguments, str) else dict(tool.arguments)
    return {
        "function": tool.name, "args": args, "timestamp_start": tool.t0_s, "timestamp_end": tool.t1_s,
        "result": tool.output, "is_error": tool.is_error,
    }  # fmt: skip


def read(folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
    """The results of one provider, by item; recordings without a result are left out.

    Raises:
        AppError: a file cannot be read, or results of several providers lie there.
    """
    found: dict[str, Path] = {}
    providers: set[str] = set()
    for item in items:
        for place in places(folder):
            results = sorted((place / item.id).glob("result_*.json"))
            providers.update(path.stem.removeprefix("result_") for path in results)
            if results:
                found[item.id] = results[0]
                break
    if len(providers) > 1:
        raise AppError(
            f"{folder} holds results of several providers: {', '.join(sorted(providers))}.",
            "A grade is of one.",
            "Keep the files of one of them in a folder of their own.",
        )
    return {item: {"main": _answer(path)} for item, path in found.items()}


def _answer(path: Path) -> Answer:
    value = file_json(path)
    try:
        words, user_words = _words(value.get("asr_chunks")), _words(value.get("input_asr_chunks"))
        extra: dict[str, Any] = {
            name: None if value[name] is None else float(value[name])
            for name in (SPEECH_END, SPEECH_START)
            if name in value
        }
        if value.get("asr_chunks"):
            extra[CHUNKS] = True
        sound = path.with_name(f"output_{path.stem.removeprefix('result_')}.wav")
        return Answer(
            text=str(value.get("transcript") or ""), words=words, utterances=utterances_of(words),
            user_text=str(value.get("input_transcript") or ""), user_words=user_words,
            tools=tuple(_tool(call) for call in value.get("actual_tool_calls") or ()),
            text_source="recorded", timing_source="recorded", audio=str(sound) if sound.is_file() else "", extra=extra,
        )  # fmt: skip
    except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
        raise AppError(
            f"{path} is no result of Full-Duplex-Bench v3.", f"{type(error).__name__}: {error}.", "Write it again."
        ) from error


def _words(chunks: Any) -> tuple[Word, ...]:
    # Without its beginning a word has no place in time; the text of the result still holds it.
    timed = [c for c in chunks or () if c["timestamp"][0] is not None]
    ends = [c["timestamp"][1] for c in timed]
    return tuple(
        Word(float(c["timestamp"][0]), None if end is None else float(end), str(c["text"]))
        for c, end in zip(timed, ends, strict=True)
    )


def _tool(call: Mapping[str, Any]) -> ToolUse:
    start, end, args = call.get("timestamp_start"), call.get("timestamp_end"), call.get("args", {})
    return ToolUse(
        name=str(call["function"]), arguments=args if isinstance(args, dict) else str(args or "{}"),
        t0_s=0.0 if start is None else float(start), t1_s=None if end is None else float(end),
        output=str(call.get("result", "")), is_error=bool(call.get("is_error", False)),
    )  # fmt: skip
