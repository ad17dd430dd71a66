"""Writes the grammars of what the model hears: one table of words, in the form that the decoder reads (JSGF).

Every sentence that a grammar of instructions can give is understood by the rules of `tasks.py`; a test draws from them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from models.tiny.train.tasks import TENS, UNITS

EXERCISES = (
    *("squats", "push ups", "sit ups", "pull ups", "chin ups", "lunges", "jumping jacks", "star jumps", "jumps"),
    *("burpees", "crunches", "curls", "biceps curls", "arm raises", "leg raises", "knee raises", "high knees"),
    *("bench presses", "shoulder presses", "presses", "dips", "rows", "deadlifts", "swings", "kicks", "punches"),
    *("steps", "turns", "bends", "claps", "waves", "nods", "twists", "circles", "skips", "repetitions", "reps"),
    *("mountain climbers", "calf raises", "toe touches", "arm circles", "rope jumps", "hand waves", "head turns"),
)
DOING = (
    *("waving", "clapping", "walking", "running", "jumping", "dancing", "drinking", "eating", "reading", "writing"),
    *("typing", "cooking", "sitting", "standing", "sitting down", "standing up", "stretching", "exercising"),
    *("smiling", "laughing", "nodding", "squatting", "sweeping", "washing", "cleaning", "moving", "lying down"),
    *("opening the door", "closing the door", "holding a cup", "holding a book", "using a phone", "working"),
    *("washing the dishes", "watching television", "tidying up", "putting on shoes", "taking off shoes", "sneezing"),
)
REMINDERS = (
    *("breathe", "breathe in", "breathe out", "breathe in and out", "take a breath", "drink", "drink water"),
    *("drink some water", "eat", "rest", "take a rest", "take a break", "take a pause", "stand up", "sit up straight"),
    *("sit straight", "stretch", "blink", "relax", "look away", "look up", "move", "walk", "go", "leave", "start"),
    *("switch", "switch sides", "change sides", "turn around", "check my posture", "check the oven", "check the door"),
    *("slow down", "speed up", "smile", "wake up", "get up", "call home", "turn off the stove", "turn off the oven"),
    *("take my medicine", "take the tea out", "take out the trash", "water the plants", "feed the cat"),
)
STOPS = (
    *("stop", "please stop", "stop please", "okay stop", "stop it", "stop that", "stop now", "stop counting"),
    *("stop talking", "stop reminding me", "that is enough", "that's enough", "enough", "be quiet", "quiet", "silence"),
    *("you can stop", "you can stop now", "you can rest", "cancel", "cancel that", "never mind", "shut up"),
)
PAUSES = ("pause", "please pause", "pause please", "pause it", "pause now")
RESUMES = ("go on", "please go on", "continue", "please continue", "resume", "carry on", "keep going")

WORDS = {"deadlifts": "D EH D L IH F T S", "tidying": "T AY D IY IH NG"}
"""Sounds of words that the engine's dictionary lacks (ARPAbet)."""
BELIEVED = {
    "commands": {"score": -4.0, "worst": -8.0, "coverage": 0.6, "longest_s": 9.0, "silence_ms": 480},
    "stop": {"score": -4.2, "worst": -8.0, "coverage": 0.6, "longest_s": 1.6, "silence_ms": 320},
    "paused": {"score": -4.2, "worst": -8.0, "coverage": 0.6, "longest_s": 1.6, "silence_ms": 320},
}
"""When words are believed: thresholds chosen on recorded and synthetic speech."""
GRAMMARS = tuple(BELIEVED)

TEENS = UNITS[9:]
HEAD = "#JSGF V1.0;"


def choice(words: tuple[str, ...] | list[str]) -> str:
    return " | ".join(words)


def numbers() -> list[str]:
    """Rules for whole numbers from two to ninety-nine."""
    return [
        f"<few> = {choice(UNITS[1:9])};",
        f"<digit> = {choice(UNITS[:9])};",
        f"<ten> = {choice(TENS)};",
        f"<number> = <few> | {choice(TEENS)} | <ten> [<digit>];",
    ]


def commands() -> str:
    rules = [
        *numbers(),
        "<length> = <number> (seconds | minutes) | a minute | one minute | one second | a second | half a minute"
        " | a minute and a half | one and a half minutes | <few> and a half (seconds | minutes)"
        " | (one minute | a minute | <few> minutes) and <number> seconds;",
        "<every> = every <number> (seconds | minutes) | every second | every minute | once a minute"
        " | every other second | every other minute | every half minute | every half a minute"
        " | every <few> and a half seconds;",
        f"<reminder> = {choice(REMINDERS)};",
        "<end> = until (i ask you to stop | i tell you to stop | i say stop | i am done) | for <length>;",
        "<ask> = [please] (remind me to | tell me to | ask me to);",
        "<remind> = <ask> <reminder> <every> [<end>] | [please] remind me <every> to <reminder>;",
        "<later> = <ask> <reminder> (in | after) <length> | (in | after) <length> <ask> <reminder>"
        " | [please] tell me when <length> (have | has) passed;",
        "<timer> = [please] (set | start) a (timer (for | of) <length> | <number> (second | minute) timer"
        " | one minute timer);",
        "<to> = [please] count ([up] to <number> [<every>] | down from <number> | backwards from <number>);",
        f"<exercise> = {choice(EXERCISES)};",
        "<count> = [please] (count [out] [the] reps (for | of) | count [out] | count [out] (my | the) | count how many"
        " | keep count of my) <exercise>;",
        f"<doing> = {choice(DOING)};",
        "<who> = (the person | he | she | someone) (starts | is) | i start | i am | you see me;",
        "<watch> = [please] say start when <who> <doing> [[and | then] say stop when"
        " (they stop | the person stops | he stops | she stops | i stop)];",
        f"<stop> = {choice(STOPS)};",
        "public <commands> = <remind> | <later> | <timer> | <to> | <count> | <watch> | <stop>;",
    ]
    return "\n".join([HEAD, "grammar commands;", *rules]) + "\n"


def short(name: str, sentences: tuple[str, ...]) -> str:
    return f"{HEAD}\ngrammar {name};\npublic <{name}> = {choice(sentences)};\n"


def grammars() -> dict[str, str]:
    """Text of each grammar by its name."""
    return {
        "commands": commands(),
        "stop": short("stop", (*STOPS, *PAUSES)),
        "paused": short("paused", (*RESUMES, *STOPS)),
    }


def hearing() -> dict[str, Any]:
    """`x-hearing` of the manifest."""
    grammars = {name: {"file": f"hearing/{name}.gram", **BELIEVED[name]} for name in GRAMMARS}
    return {"engine": "pocketsphinx", "grammars": grammars, "words": WORDS}


def write_grammars(folder: Path) -> list[str]:
    """Write them under `folder`; gives their paths relative to it."""
    written = []
    for name, text in grammars().items():
        relative = f"hearing/{name}.gram"
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        written.append(relative)
    return written


def describe(folder: Path) -> None:
    """Write the grammars of the model in `folder` and enter them into its manifest; everything else stays."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    written = write_grammars(folder)
    kept = [entry for entry in manifest["files"] if not entry["path"].startswith("hearing/")]
    entries = []
    for name in written:
        data = (folder / name).read_bytes()
        entries.append({"path": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)})
    manifest["files"] = [*kept[:1], *entries, *kept[1:]]
    manifest |= {"hears_instructions": True, "x-hearing": hearing()}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    describe(Path(sys.argv[1]))
