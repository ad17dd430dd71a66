"""Files of Full-Duplex-Bench v1 and v1.5: `<subset>/{ID}/` with sounds, annotations and transcripts."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tmlapp.bench.answer import Answer, Word
from tmlapp.bench.data import Loaded, Quarantined, SuiteItem
from tmlapp.bench.labels.rows import strict_json
from tmlapp.core.errors import AppError

OUTPUT_RATE_HZ = 16_000
NO_TRANSCRIPT = "no_transcript"
"""Member of `Answer.extra`: the sound is there, and output.json is not."""
OFFICIAL = "official_words"
"""Member of `Answer.extra`: the words are those of an official output.json, which is graded as it stands."""
STRAYS = "strays"
"""Member of `Answer.extra`: chunks of other files whose names end in output.json, by name."""

_NAMELESS = (".", "__MACOSX")


@dataclass(frozen=True, slots=True)
class WavLength:
    """Samples per channel, and their rate."""

    samples: int
    rate_hz: int

    @property
    def duration_s(self) -> float:
        return self.samples / self.rate_hz

    @property
    def output_samples(self) -> int:
        """Length of the model's sound for it."""
        return round(self.samples / self.rate_hz * OUTPUT_RATE_HZ)


class RowError(Exception):
    """Why a folder is set aside."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


def group_folders(folder: Path, names: Sequence[str], version: str) -> dict[str, Path]:
    """Where the groups `names` lie: `folder` is `version`, its parent, or one of the groups."""
    for base in (folder, folder / version):
        found = {name: base / name for name in names if (base / name).is_dir()}
        if found:
            return found
    name = folder.absolute().name
    return {name: folder} if name in names and folder.is_dir() else {}


def chosen(value: object, names: Sequence[str], option: str) -> tuple[str, ...]:
    """The groups that an option asks for: names in a list or after commas; none: all.

    Raises:
        AppError: one of them is unknown.
    """
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(x, str) for x in listed):
        raise AppError(f"The option {option} cannot be {value!r}.", "It is a list of names.", _one_of(names))
    wanted = [x.strip() for x in listed if x.strip()]
    for name in wanted:
        if name not in names:
            raise AppError(f"The option {option} cannot name {name!r}.", "The benchmark has none.", _one_of(names))
    return tuple(name for name in names if not wanted or name in wanted)


def _one_of(names: Sequence[str]) -> str:
    return f"Use one or more of: {', '.join(names)}."


def id_folders(folder: Path, group: str) -> tuple[list[Path], list[Quarantined]]:
    """The folders of the samples by number, and what else lies there."""
    found: list[Path] = []
    aside: list[Quarantined] = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith(_NAMELESS):
            if path.name.isdecimal():
                found.append(path)
            else:
                aside.append(Quarantined(row=f"{group}/{path.name}", why="its name is no number", kind="unusable"))
    return sorted(found, key=lambda p: (int(p.name), p.name)), aside


def load_samples(
    folder: Path,
    asked: object,
    make: Callable[[str, str, Path], SuiteItem],
    *,
    option: str,
    sizes: Mapping[str, int],
    version: str,
    layout: str,
    where: str,
) -> Loaded:
    """Every sample of the groups that the option `option` asks for.

    Args:
        asked: value of the option, see `chosen`.
        make: (group, name, folder of the sample) -> item; raises RowError where it cannot be used.
        sizes: groups, and the number of samples published in each.
        layout, where: what is expected in `folder`, and where to get it, for people.

    Raises:
        AppError: an unknown group is asked for, or none is there.
    """
    wanted = chosen(asked, list(sizes), option)
    groups = {n: p for n, p in group_folders(folder, list(sizes), version).items() if n in wanted}
    items: list[SuiteItem] = []
    aside: list[Quarantined] = []
    found: dict[str, int] = {}
    for group, path in groups.items():
        samples, others = id_folders(path, group)
        aside += others
        found[group] = len(samples)
        for sample in samples:
            name = f"{group}/{sample.name}"
            try:
                items.append(make(group, name, sample))
            except RowError as error:
                aside.append(Quarantined(row=name, why=str(error), kind="missing" if error.missing else "damaged"))
    if not items:
        raise AppError(
            f"No sample of Full-Duplex-Bench {version} is in {folder}.",
            f"Expected {version}/{layout}; {option}: {', '.join(wanted)}.",
            where,
        )
    # A folder that is one group is meant to be that group only.
    meant = tuple(groups) if list(groups.values()) == [folder] else wanted
    return Loaded(
        items=tuple(items),
        quarantined=tuple(aside),
        expected=sum(sizes[name] for name in meant),
        notes=tuple(counted(groups, meant, sizes, found)),
        version=version,
    )


def wav_length(path: Path) -> WavLength:
    """Length of a wav file.

    Raises:
        RowError: it is missing, empty, cut off, or no PCM wav.
    """
    if not path.is_file():
        raise RowError(f"{path.name} is missing", missing=True)
    try:
        with wave.open(str(path), "rb") as file:
            length = WavLength(file.getnframes(), file.getframerate())
            needed = length.samples * file.getnchannels() * file.getsampwidth()
    except (OSError, EOFError, wave.Error) as error:
        raise RowError(f"{path.name} is no PCM wav file: {str(error) or 'it ends too soon'}") from error
    if length.samples <= 0 or length.rate_hz <= 0:
        raise RowError(f"{path.name} holds no sound")
    # The header of a download that broke off still promises the whole.
    if path.stat().st_size < needed:
        raise RowError(f"{path.name} is cut off: it holds less sound than its header says")
    return length


def read_row(path: Path) -> Any:
    """JSON of an annotation.

    Raises:
        RowError: it is missing, or no JSON.
    """
    if not path.is_file():
        raise RowError(f"{path.name} is missing", missing=True)
    try:
        return strict_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise RowError(f"{path.name} is no JSON: {error}") from error


def span_of(value: Any, where: str) -> tuple[float, float]:
    """`[start, end]` in seconds.

    Raises:
        RowError: it is anything else.
    """
    if not isinstance(value, list) or len(value) != 2 or not all(_is_time(t) for t in value) or value[1] < value[0]:
        raise RowError(f"{where} holds {value!r}, which is no [start, end] in seconds")
    return float(value[0]), float(value[1])


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6


def read_json(path: Path) -> Any:
    """JSON of a result file.

    Raises:
        AppError: it cannot be read.
    """
    try:
        return strict_json(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise AppError(f"{path} cannot be read.", f"{error}.", "Write it again, or take it away.") from error


def words_of(value: Any, where: object) -> tuple[tuple[Word, ...], str]:
    """Words and text of a transcript `{"text", "chunks"}`; ends may be null, words without a start are left out.

    Raises:
        AppError: it is anything else.
    """
    fix = 'It should be {"text": …, "chunks": [{"text": …, "timestamp": [start, end]}, …]}.'
    try:
        words = tuple(
            Word(float(start), None if end is None else float(end), str(chunk["text"]))
            for chunk in value["chunks"]
            for start, end in (chunk["timestamp"],)
            if start is not None
        )
        text = value.get("text", " ".join(w.text.strip() for w in words))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise AppError(f"The transcript {where} cannot be read.", f"{type(error).__name__}: {error}.", fix) from error
    if not isinstance(text, str):
        raise AppError(f"The transcript {where} cannot be read.", f"Its text is {text!r}.", fix)
    return words, text


def transcript(words: Sequence[Word], text: str) -> dict[str, Any]:
    """The inverse: what an output.json holds."""
    return {"text": text, "chunks": [{"text": w.text, "timestamp": [w.t0_s, w.t1_s]} for w in words]}


def said_text(words: Sequence[Word]) -> str:
    """The words as one text."""
    return " ".join(w.text.strip() for w in words)


def write_json(path: Path, value: Any) -> Path:
    """Write `value`; the path.

    Raises:
        AppError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Escaped, because half of a surrogate pair, which some models send, has no UTF-8.
        path.write_text(json.dumps(value), encoding="ascii")
    except OSError as error:
        raise _unwritten(path, error) from error
    return path


def write_sound(path: Path, sound: Any, samples: int) -> Path:
    """Write int16 `sound` at 16 kHz as mono PCM16, filled with zeros or cut to `samples`; the path.

    Raises:
        AppError: it cannot be written.
    """
    exact = np.zeros(samples, dtype="<i2")
    kept = np.asarray(sound).reshape(-1)[:samples]
    exact[: len(kept)] = kept
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, OUTPUT_RATE_HZ, samples, "NONE", "not compressed"))
            file.writeframes(exact.tobytes())
    except OSError as error:
        raise _unwritten(path, error) from error
    return path


def _unwritten(path: Path, error: OSError) -> AppError:
    return AppError(f"{path} cannot be written.", f"{error.strerror}.", "Check the rights and the space on the disk.")


def sample_folders(folder: Path, items: Sequence[SuiteItem], version: str) -> Iterator[tuple[SuiteItem, Path]]:
    """Each item that has a folder of its own in an official result folder, with it."""
    groups = group_folders(folder, sorted({item.group for item in items}), version)
    for item in items:
        path = groups.get(item.group, folder / item.group) / item.id.rpartition("/")[2]
        if path.is_dir():
            yield item, path


def read_answer(folder: Path, name: str = "output") -> Answer | None:
    """What `{name}.json` and `{name}.wav` of a sample say; None where neither is there.

    Raises:
        AppError: one of them cannot be read.
    """
    sound, written = folder / f"{name}.wav", folder / f"{name}.json"
    more: dict[str, Any] = {"text_source": "recorded", "timing_source": "recorded"}
    if sound.is_file():
        try:
            length = wav_length(sound)
        except RowError as error:
            raise AppError(f"{sound} cannot be read.", f"{error}.", "Write it again, or take it away.") from error
        more |= {"audio": str(sound), "samples": length.samples, "rate_hz": length.rate_hz,
                 "duration_s": length.duration_s}  # fmt: skip
    if written.is_file():
        words, text = words_of(read_json(written), written)
        return Answer(words=words, text=text, extra={OFFICIAL: True}, **more)
    return Answer(extra={NO_TRANSCRIPT: True}, **more) if sound.is_file() else None


def counted(
    groups: Mapping[str, Path], wanted: Sequence[str], sizes: Mapping[str, int], found: Mapping[str, int]
) -> list[str]:
    """Notes on groups that are not there or not complete."""
    notes = [f"{name} is not in the folder ({sizes[name]} samples)" for name in wanted if name not in groups]
    for name, count in found.items():
        if count != sizes[name]:
            notes.append(f"{name} has {count} samples; {sizes[name]} are published")
    return notes
