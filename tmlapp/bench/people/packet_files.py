"""The files of a blind packet: what a rater gets, what comes back, and the key that stays with whoever made it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tmlapp.bench.labels.rows import file_sha256
from tmlapp.bench.runs.lines import dumped, read_object, write_whole
from tmlapp.core.errors import AppError

PACKET, ANSWERS, PAGE, KEY, MEDIA = "packet.json", "answers.json", "rate.html", "key.json", "media"
PACKET_SCHEMA, ANSWERS_SCHEMA, KEY_SCHEMA = "tmlapp.packet/1", "tmlapp.answers/1", "tmlapp.packet_key/1"
PREFERENCE = "preference"
FIRST, SECOND, TIE = "first", "second", "tie"
SIDES = (FIRST, SECOND, TIE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of a packet: nothing in it depends on the model but `media` and `said`.

    Attributes:
        aspect: `meaning`, `timing`, `overall` or `preference`.
        media: files in `media/`; two for a preference.
        window_s: when it should have been said, on the clock of the media; only where timing is asked.
    """

    id: str
    aspect: str
    media: tuple[str, ...]
    scale: tuple[str, ...]
    instruction: str = ""
    context: str = ""
    expected: str = ""
    accept: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    window_s: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `window_s` only where there is one."""
        plain = asdict(self)
        return plain if self.window_s is not None else {k: v for k, v in plain.items() if k != "window_s"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Asked:
        """The inverse of `to_json`.

        Raises:
            TypeError, KeyError: `value` is no question.
        """
        plain = dict(value)
        for name in ("media", "scale", "accept", "reject", "said"):
            plain[name] = tuple(str(v) for v in plain.get(name, ()))
        window = plain.get("window_s")
        plain["window_s"] = None if window is None else (float(window[0]), float(window[1]))
        return cls(**plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What one rater gets; `sha256` is that of `packet.json`, `media` are digests by name."""

    folder: Path
    packet: str
    rater: str
    guide: str
    questions: tuple[Asked, ...]
    media: Mapping[str, str]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One answer of a rater."""

    value: str
    confidence: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """What a rater hands back; `path` is the file."""

    path: Path
    packet: str
    rater: str
    packet_sha256: str
    answers: Mapping[str, Given] = field(default_factory=dict)


def read_packet(folder: Path) -> Packet:
    """The packet in `folder`.

    Raises:
        AppError: there is none, or it is damaged.
    """
    path = folder / PACKET
    problem = AppError(f"{folder} is no packet.", f"Its {PACKET} is missing or damaged.", "Unpack it again.")
    plain = read_object(path)
    if plain is None or plain.get("schema") != PACKET_SCHEMA:
        raise problem
    try:
        return Packet(
            folder=folder,
            packet=str(plain["packet"]),
            rater=str(plain["rater"]),
            guide=str(plain["guide"]),
            questions=tuple(Asked.from_json(q) for q in plain["questions"]),
            media={str(k): str(v) for k, v in plain["media"].items()},
            sha256=file_sha256(path),
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise problem from error


def read_answers(path: Path) -> AnswerFile:
    """`answers.json`, or the one in a packet folder.

    Raises:
        AppError: there is none, or it is damaged.
    """
    file = path / ANSWERS if path.is_dir() else path
    plain = read_object(file)
    problem = AppError(
        f"{file} holds no answers.", "It is missing, damaged, or something else.", "Ask the rater to save them again."
    )
    if plain is None or plain.get("schema") != ANSWERS_SCHEMA:
        raise problem
    try:
        answers = {str(k): _given(v) for k, v in plain["answers"].items()}
        return AnswerFile(
            path=file,
            packet=str(plain["packet"]),
            rater=str(plain["rater"]),
            packet_sha256=str(plain["packet_sha256"]),
            answers=answers,
        )
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise problem from error


def _given(value: Mapping[str, Any]) -> Given:
    confidence = value.get("confidence")
    if confidence not in (None, 1, 2, 3) or isinstance(confidence, bool):
        raise ValueError("a confidence is 1, 2 or 3")
    return Given(value=str(value["value"]), confidence=confidence, note=str(value.get("note", "")))


def answers_so_far(packet: Packet) -> AnswerFile:
    """What was answered in this packet's folder before; none at the beginning.

    Raises:
        AppError: the file there is damaged, or belongs to another packet.
    """
    file = packet.folder / ANSWERS
    empty = AnswerFile(path=file, packet=packet.packet, rater=packet.rater, packet_sha256=packet.sha256)
    if not file.exists():
        return empty
    found = read_answers(file)
    if (found.packet, found.rater, found.packet_sha256) != (packet.packet, packet.rater, packet.sha256):
        raise AppError(
            f"{file} belongs to another packet.",
            "Its answers would be taken for answers to other questions.",
            "Move it out of the folder.",
        )
    return found


def answered(file: AnswerFile, question: str, given: Given | None) -> AnswerFile:
    """`file` with another answer to `question`, on the disk when this returns; None takes the answer back.

    Raises:
        AppError: it cannot be written; the file is as it was.
    """
    answers = {k: v for k, v in file.answers.items() if k != question}
    if given is not None:
        answers[question] = given
    changed = replace(file, answers=answers)
    write_whole(file.path, dumped(answers_json(changed)) + b"\n")
    return changed


def answers_json(file: AnswerFile) -> dict[str, Any]:
    """What `answers.json` holds."""
    return {
        "schema": ANSWERS_SCHEMA,
        "packet": file.packet,
        "rater": file.rater,
        "packet_sha256": file.packet_sha256,
        "answers": {name: asdict(given) for name, given in file.answers.items()},
    }


def sha256_of_bytes(data: bytes) -> str:
    """Digest in hex."""
    return hashlib.sha256(data).hexdigest()


def packet_bytes(packet: str, rater: str, guide: str, questions: list[Asked], media: Mapping[str, str]) -> bytes:
    """What `packet.json` holds."""
    plain = {
        "schema": PACKET_SCHEMA,
        "packet": packet,
        "rater": rater,
        "guide": guide,
        "questions": [q.to_json() for q in questions],
        "media": dict(sorted(media.items())),
    }
    return json.dumps(plain, ensure_ascii=True, indent=1).encode("ascii") + b"\n"
