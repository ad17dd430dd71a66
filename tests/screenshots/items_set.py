"""A set of items of real speech for the pictures: public-domain readings, with what one might ask of them."""

from __future__ import annotations

import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tmlapp.bench.authoring import commands as c
from tmlapp.bench.authoring.aligning import align
from tmlapp.bench.authoring.editor import Editor
from tmlapp.bench.authoring.expecting import Wording
from tmlapp.bench.authoring.importing import take_from_file
from tmlapp.bench.authoring.media import read_take
from tmlapp.bench.authoring.model import ItemDraft, Span, Speaker
from tmlapp.bench.authoring.templates import at_each_word, template_command

RATE = 16_000
READINGS = "sense_and_sensibility_01_austen_64kb-{}.wav"
INSTRUCTION = "Every time I use an old-fashioned word, tell me at once what one would say today."


@dataclass(frozen=True)
class Said:
    """An item: what is read, in which file, which word is the cue, and what is expected."""

    file: str
    script: str
    cue: str
    wording: Wording
    takes: int = 1
    louder: float = 1.0


SAID = (
    Said("0870", "And Mister John Dashwood had then leisure to consider\nhow much there might be prudently in his power"
         " to do for them.", "leisure", Wording("says that one would say free time", ("free time",), ("work",)), 3),
    Said("0880", "He was not an ill disposed young man.", "ill disposed",
         Wording("gives a present-day word for ill disposed", ("unkind",), ("ill",))),
    Said("0920", "Had he married a more amiable woman\nhe might have been made still more respectable than he was.",
         "amiable", Wording("gives a present-day word for amiable", ("friendly",), ("lovable",)), 2),
    Said("0890", "Unless to be rather cold hearted and rather selfish\nis to be ill disposed.", "cold hearted",
         Wording("gives a present-day word for cold-hearted", ("unfeeling",), ("warm",)), 2),
    Said("0930", "He might even have been made amiable himself.", "amiable",
         Wording("gives a present-day word for amiable", ("friendly",), ("lovable",)), louder=9.0),
)  # fmt: skip


def make_set(folder: Path, speech: Path) -> Path:
    """The set in `folder`, from the readings below `speech`."""
    with Editor.open(folder) as editor:
        for name, value in (
            ("name", "word choice"), ("suite", "cuespeak"), ("licence", "CC-BY-4.0"), ("version", "1.0.0"),
            ("author", "Interaction lab"),
        ):  # fmt: skip
            editor.do(c.SetField(name, value))  # type: ignore[arg-type]
        editor.do(c.AddSpeaker(Speaker("s-014", True, "2026-11-22", "en", "Scarlett 2i2", "office")))
        for number, said in enumerate(SAID, start=1):
            _add_item(editor, folder, f"cs-{number:04d}", said, speech)
        for number in (len(SAID) + 1, len(SAID) + 2):
            editor.do(c.AddItem(_draft(f"cs-{number:04d}", "He was, upon the whole, well respected.")))
    return folder


def _draft(name: str, script: str) -> ItemDraft:
    return ItemDraft(
        id=name, suite="cuespeak", category="word-choice", lang="en", instruction=INSTRUCTION, script=script,
        author="Interaction lab", licence="CC-BY-4.0", created_at="2026-11-22T10:00:00+00:00",
    )  # fmt: skip


def _add_item(editor: Editor, folder: Path, name: str, said: Said, speech: Path) -> None:
    draft = _draft(name, said.script)
    editor.do(c.AddItem(draft))
    voice = _read(speech / READINGS.format(said.file))
    lead = _read(speech / READINGS.format("0880"))
    for take in range(said.takes):
        parts = (np.zeros(4800), lead, np.zeros(11_000 + 900 * take), voice, np.zeros(9000))
        pcm = np.concatenate([np.asarray(part, np.float64) for part in parts])
        room = np.random.default_rng(take).normal(0, 9, len(pcm))
        loud = np.clip(pcm * said.louder * (0.8 + 0.1 * take) + room, -32768, 32767)
        path = folder.parent / f"{name}-{take}.wav"
        _write(path, loud.astype(np.int16))
        taken = take_from_file(folder, editor.state.item(name), path, speaker="s-014").take
        path.unlink()
        editor.do(c.AddTake(name, taken))
        script = f"he was not an ill disposed young man {said.script}"
        found = align(replace(draft, instruction="", script=script), read_take(folder, taken))
        instruction = Span(4800, 4800 + len(lead))
        words = tuple(w for w in found.words if w.span.t0 > instruction.t1)
        editor.do(c.ReplaceWords(name, taken.id, words))
        editor.do(c.SetInstructionSpan(name, taken.id, instruction))
        now = editor.state.item(name).take(taken.id)
        editor.do(template_command(name, taken.id, at_each_word("cuespeak", now, said.cue, said.wording)))
    editor.do(c.ChooseBest(name, editor.state.item(name).takes[-1].id))


def _read(path: Path) -> npt.NDArray[np.int16]:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def _write(path: Path, pcm: npt.NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())
