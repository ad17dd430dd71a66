"""Writes the grammars of what the model hears: one table of words, in the form that the decoder reads (JSGF).

Every sentence that a grammar of instructions can give is understood by the rules of `tasks.py`; a test draws from them.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from models.tiny.train.tasks import ENDS, TENS, UNITS

EXERCISES = (
    *("squats", "push ups", "sit ups", "pull ups", "chin ups", "lunges", "jumping jacks", "star jumps", "jumps"),
    *("burpees", "crunches", "curls", "biceps curls", "arm raises", "leg raises", "knee raises", "high knees"),
    *("bench presses", "shoulder presses", "presses", "dips", "rows", "deadlifts", "swings", "kicks", "punches"),
    *("steps", "turns", "claps", "waves", "nods", "twists", "circles", "skips", "repetitions", "reps"),
    *("mountain climbers", "calf raises", "toe touches", "arm circles", "rope jumps", "hand waves", "head turns"),
)
DOING = (
    *("waving", "clapping", "walking", "running", "jumping", "dancing", "drinking", "eating", "reading", "writing"),
    *("typing", "cooking", "sitting", "standing", "sitting down", "standing up", "stretching", "exercising"),
    *("smiling", "laughing", "nodding", "squatting", "sweeping", "washing", "cleaning", "lying down"),
    *("opening the door", "closing the door", "holding a cup", "holding a book", "using a phone", "working"),
    *("washing the dishes", "watching television", "tidying up", "putting on shoes", "taking off shoes", "sneezing"),
)
REMINDERS = (
    *("breathe", "breathe in", "breathe out", "breathe in and out", "take a breath", "take a deep breath", "drink"),
    *("drink water", "drink some water", "drink a glass of water", "sit up", "sit up straight", "sit straight"),
    *("sit down", "stand up", "get up", "wake up", "check my posture", "relax", "relax my shoulders", "slow down"),
    *("stretch", "stretch my legs", "walk around", "take a walk", "take a break", "take a short break", "take a rest"),
    *("rest", "rest my eyes", "close my eyes", "look away", "look up", "look out of the window", "smile", "focus"),
    *("switch sides", "change sides", "turn around", "keep going", "call home", "check the oven", "check the door"),
    *("turn off the stove", "turn off the oven", "take my medicine", "take out the trash", "take the tea out"),
    *("water the plants", "feed the cat"),
)
RARE_REMINDERS = ("blink", "eat", "move", "walk", "leave")
"""So like others, or so short, that they would be heard instead of them."""
RARE, RAREST = 1e-2, 1e-20
"""For what sounds like something that is said far more often: fifty minutes like fifteen minutes, two like twelve.
Little in their sounds tells them apart for this recogniser, so that the rare one has to fit much better."""
STOPS = (
    *("stop", "please stop", "stop please", "okay stop", "stop it", "stop that", "stop now", "stop counting"),
    *("stop talking", "stop reminding me", "that is enough", "that's enough", "be quiet", "please be quiet"),
    *("you can stop", "you can stop now", "you can rest", "cancel", "never mind", "shut up"),
)
PAUSES = ("pause", "please pause")
RESUMES = ("go on", "please go on", "continue", "please continue", "resume", "carry on", "keep going")
OTHERS = (
    *("stock", "step", "steps", "up", "what", "shop", "spot", "stuff", "start", "started", "star", "store"),
    *("state", "stay", "stand", "stand up", "sit down", "pop", "hop", "hot", "but", "cut", "stuck"),
    *("call", "off", "on", "out", "about", "this", "that", "it", "is", "the", "a", "and", "you", "i", "he", "she"),
    *("we", "they", "yes", "yeah", "no", "okay", "oh", "well", "right", "now", "then", "there", "hello", "hi", "good"),
    *("go", "so", "what's up", "don't stop", "bus stop", "stop sign", "time", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine", "ten", "zero", "left", "down", "happy", "house", "thank you", "thanks"),
    *("please", "really", "sure", "maybe", "why", "how", "who", "when", "where", "here", "see", "look", "come on"),
    *("let's go", "got it", "of course", "i know", "i see", "not yet", "for", "from", "to", "at", "in"),
    *("was", "are", "do", "did", "done", "have", "has", "had", "more", "my", "your", "our", "me", "him", "her"),
    *("would", "could", "should", "will", "can", "can't", "just", "like", "know", "think", "want", "need", "make"),
    *("take", "get", "said", "tell me", "camel", "castle", "tennis", "final", "never"),
    *("ever", "another", "other", "number", "weather", "better", "letter", "mind", "kind", "find", "fine", "mine"),
    *("quite", "quite a", "right away", "be right", "be careful", "violence", "science", "island", "rough"),
    *("that is not", "that is a", "that's a", "that's good", "that's right", "horse"),
    *("across", "past", "a lot", "come in", "never again", "i mean", "you can", "can you", "you know"),
)
"""What people say besides instructions and what sounds like one: heard as itself it changes nothing. In noise these
swallow instructions, so that there the grammars do without."""
LIKE_GO_ON = ("done", "down", "on", "go", "so", "come on", "call", "good")
UNLIKELY = 1e-11
"""Of each of them, where an instruction has 1: they must fit much better."""
WORDS = {"deadlifts": "D EH D L IH F T S", "tidying": "T AY D IY IH NG"}
"""Sounds of words that the engine's dictionary lacks (ARPAbet)."""
COMMANDS = {"score": -6.5, "worst": -10.0, "distance": 1.04, "slope": 0.08, "coverage": 0.8}
SHORT = {"score": -7.0, "worst": -10.0, "distance": 0.95, "slope": 0.0, "coverage": 0.6}
LENGTHS = {"commands": {"longest_s": 9.0, "silence_ms": 480}}
SHORTEST = {"longest_s": 1.6, "silence_ms": 320}
PACE_S = 0.07
"""When words are believed: thresholds chosen on recorded and synthetic speech; more distance is allowed in noise."""
GRAMMARS = ("commands", "stop", "paused")

TEENS = UNITS[9:]
HEAD = "#JSGF V1.0;"


def choice(words: tuple[str, ...] | list[str]) -> str:
    return " | ".join(words)


def rarely(words: str, weight: float) -> str:
    """An alternative of this weight, where others have 1."""
    return f"/{weight:.22f}/ {words}"


def numbers() -> list[str]:
    """Rules for whole numbers from two to ninety-nine; some are said far more often than others that sound alike."""
    often = ("ten", "eleven", "twelve", "fifteen", "twenty", "thirty", "forty", "sixty", "ninety")
    seldom = [w for w in (*TEENS, *TENS) if w not in often] + [f"{ten} <digit>" for ten in TENS]
    rare, unusual = (choice([rarely(words, weight) for words in seldom]) for weight in (RAREST, RARE))
    few, two = UNITS[1:9], rarely("two", RAREST)
    usual = choice((*few, *often, "twenty five", "forty five"))
    return [
        f"<few> = {choice(few)};",
        f"<digit> = {choice(UNITS[:9])};",
        # Before "minutes" the ending of fifteen is lost.
        f"<minutes> = {usual} | {rare};",
        f"<seconds> = {usual} | {unusual};",
        f"<far> = {choice((*often, *UNITS[2:9]))} | {rare} | {two};",
    ]


def commands(noisy: bool) -> str:
    rules = [
        *numbers(),
        "<length> = <seconds> seconds | <minutes> minutes | a minute | one minute | half a minute"
        " | a minute and a half | one and a half minutes | <few> and a half (seconds | minutes)"
        " | (one minute | a minute | <few> minutes) and <seconds> seconds;",
        "<every> = every <seconds> seconds | every <minutes> minutes | every second | every minute"
        " | every other second | every other minute | every half minute | every half a minute"
        " | every <few> and a half seconds;",
        f"<reminder> = {choice(REMINDERS)} | {choice([rarely(w, RAREST) for w in RARE_REMINDERS])};",
        "<end> = until (i ask you to stop | i tell you to stop | i say stop | i am done) | for <length>;",
        "<ask> = [please] (remind me to | tell me to | ask me to);",
        "<remind> = <ask> <reminder> <every> [<end>] | [please] remind me <every> to <reminder>;",
        "<later> = <ask> <reminder> (in | after) <length> | (in | after) <length> <ask> <reminder>"
        " | [please] tell me when <length> (have | has) passed;",
        "<timer> = [please] (set | start) a (timer (for | of) <length> | (<seconds> second | <minutes> minute) timer"
        " | one minute timer);",
        "<to> = [please] count ([up] to <far> [<every>] | down from <far> | backwards from <far>);",
        f"<exercise> = {choice(EXERCISES)};",
        "<count> = [please] (count [out] reps (for | of) | count [out] [my | the] | count how many"
        " | keep count of my) <exercise> [i do];",
        f"<doing> = {choice(DOING)};",
        "<who> = (the person | he | she | someone) (starts | is) | i start | i am | you see me;",
        "<watch> = [please] say start when <who> <doing> [[and | then] say stop when"
        " (they stop | the person stops | he stops | she stops | i stop)];",
        f"<stop> = {choice(STOPS)};",
        *other(OTHERS, noisy),
        "<instruction> = <remind> | <later> | <timer> | <to> | <count> | <watch> | <stop>;",
        public("commands", noisy),
    ]
    return "\n".join([HEAD, "grammar commands;", *rules]) + "\n"


def other(words: tuple[str, ...], noisy: bool) -> list[str]:
    return [] if noisy else [f"<other> = {choice([rarely(w, UNLIKELY) for w in words])};"]


def public(name: str, noisy: bool) -> str:
    return f"public <{name}> = <instruction>{'' if noisy else ' | <other>'};"


def short(name: str, sentences: tuple[str, ...], noisy: bool) -> str:
    others = tuple(w for w in OTHERS if w not in sentences and not (name == "paused" and w in LIKE_GO_ON))
    rules = [f"<instruction> = {choice(sentences)};", *other(others, noisy), public(name, noisy)]
    return "\n".join([HEAD, f"grammar {name};", *rules]) + "\n"


def grammars() -> dict[str, str]:
    """Text of each grammar by the stem of its file."""
    found = {}
    for ending, noisy in (("", False), ("-noisy", True)):
        found["commands" + ending] = commands(noisy)
        found["stop" + ending] = short("stop", (*STOPS, *PAUSES), noisy)
        found["paused" + ending] = short("paused", (*RESUMES, *STOPS), noisy)
    return found


def hearing() -> dict[str, Any]:
    """`x-hearing` of the manifest."""
    grammars = {}
    for name in GRAMMARS:
        quiet: dict[str, Any] = {
            **(COMMANDS if name == "commands" else SHORT),
            **LENGTHS.get(name, SHORTEST),
            "pace_s": PACE_S,
        }
        # Noise is taken for voice around the words.
        looser = {"distance": quiet["distance"] + 0.1, "coverage": quiet["coverage"] - 0.2}
        if name == "commands":
            # More often than in quiet the wrong thing fits: a task that nobody asked for is worse than none.
            looser |= {"distance": quiet["distance"] + 0.04, "score": -4.5}
        noisy = quiet | {"file": f"hearing/{name}-noisy.gram"} | {k: round(v, 2) for k, v in looser.items()}
        grammars[name] = {"file": f"hearing/{name}.gram", **quiet, "noisy": noisy}
        if name != "commands":
            # What is left of its own voice fits something, too, but not as well as words that were really said.
            grammars[name]["over_voice"] = noisy | {"score": -4.5}
    return {"engine": "pocketsphinx", "grammars": grammars, "noise_db": 20, "words": WORDS}


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
    manifest["task"]["x-ends"] = ENDS
    manifest |= {"hears_instructions": True, "x-hearing": hearing()}
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    describe(Path(sys.argv[1]))
