"""Graders without a judge: items per second and memory, against the same work in plain Python written here.

"The same work" is what a grade holds: every metric of each item, its mean, the trivial baselines, and the bootstrap
interval over 1,000 resamples of each metric that our grade gives one for. Means and baselines have to be equal. How the
two stand without intervals is printed beside it.
"""

from __future__ import annotations

import json
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

from tests.perf.figure import Effort, Figure, at_least, at_most
from tmlapp.bench.answer import Answer, Utterance, Word
from tmlapp.bench.registry import suite_named
from tmlapp.bench.suite import Entry, Sources

ITEMS = 10_000
RESAMPLES = 1000
ITEMS_PER_S = 2000.0
MEMORY_MIB = 300.0

Numbers = list[float]
Plain = Callable[[Sequence[Entry]], tuple[dict[str, Numbers], dict[str, float]]]
"""Values of the items that enter each metric, and the baselines."""

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: value for value, word in enumerate(_NAMES)}


def _answer(said: Iterable[tuple[float, str]]) -> Answer:
    words = tuple(Word(t, t + 0.3, text) for t, text in said)
    utterances = tuple(Utterance(w.t0_s, w.t1_s, w.text, (w,)) for w in words)
    return Answer(text=" ".join(w.text for w in words), words=words, utterances=utterances)


def _entry(name: str, truth: dict[str, Any], said: Iterable[tuple[float, str]], group: str = "") -> Entry:
    answer = _answer(said)
    return Entry(name, truth, answer.said(), {"main": answer}, group)


def repcount(count: int, seed: int) -> list[Entry]:
    """Counts of 1 to 30, one in ten left out or wrong."""
    draw = random.Random(seed)
    entries = []
    for i in range(count):
        n = draw.randint(1, 30)
        ends = [round((k + 1) * 1.5 + draw.random() * 0.2, 3) for k in range(n)]
        said = [(e + 0.3, str(k + 1)) for k, e in enumerate(ends) if draw.random() < 0.9]
        truth = {"count": n, "rep_end_times_s": ends, "duration_s": ends[-1] + 1.0, "action": "squats"}
        entries.append(_entry(f"v{i}", truth, said))
    return entries


def plain_repcount(entries: Sequence[Entry]) -> tuple[dict[str, Numbers], dict[str, float]]:
    """The rules as their description reads, number by number."""

    def numbers(said: Sequence[tuple[float, str]]) -> list[tuple[float, int]]:
        found = []
        for t, text in said:
            for token in re.findall(r"\d+|[a-z]+", text.casefold()):
                value = int(token) if token.isdigit() else _WORDS.get(token)
                if value is not None:
                    found.append((t, value))
        return found

    def passes(heard: Sequence[tuple[float, int]], truth: Any) -> float:
        ends, n = truth["rep_end_times_s"], truth["count"]
        from_s = 0.0 if n < 2 else ends[n - 2]
        last = None
        for t, value in heard:
            if from_s <= t <= truth["duration_s"] + 3.0:
                last = value
        return 100.0 if last is not None and abs(last - n) <= 1 else 0.0

    names = ("obo", "obo_idioms", "final_obo", "final_mae", "event_f1", "latency_median_s")
    values: dict[str, Numbers] = {name: [] for name in names}
    trivial: dict[str, Numbers] = {"silent": [], "says 4 at the end": [], "metronome, a count every 3.25 s": []}
    for entry in entries:
        truth = entry.truth
        ends, n, end = truth["rep_end_times_s"], truth["count"], truth["duration_s"]
        heard = numbers([(w.t0_s, w.text) for w in entry.answers["main"].words])
        score = passes(heard, truth)
        values["obo"].append(score)
        values["obo_idioms"].append(score)
        final = heard[-1][1] if heard else 0
        values["final_obo"].append(100.0 if abs(final - n) <= 1 else 0.0)
        values["final_mae"].append(abs(final - n) / (n + 0.1))
        left, late = [t for t, _ in heard if t <= end + 3.0], []
        events = len(left)
        for rep in ends:
            while left and left[0] < rep - 1.0:
                left.pop(0)
            if left and left[0] <= rep + 2.0:
                late.append(left.pop(0) - rep)
        values["event_f1"].append(2 * len(late) / (events + len(ends)))
        if late:
            values["latency_median_s"].append(median(late))
        beats = [(k * 3.25, str(k)) for k in range(1, int(end / 3.25) + 1)]
        for name, said in zip(trivial, ([], [(end, "4")], beats), strict=True):
            trivial[name].append(passes(numbers(said), truth))
    return values, {name: sum(v) / len(v) for name, v in trivial.items()}


def charades(count: int, seed: int) -> list[Entry]:
    """One action in each video; starts and stops said late, now and then not at all."""
    draw = random.Random(seed)
    entries = []
    for i in range(count):
        length = round(draw.uniform(20, 40), 2)
        start = round(draw.uniform(0.5, length / 2), 2)
        stop = round(draw.uniform(start + 1, length - 0.5), 2)
        said = [(start + draw.random(), "start"), (stop + draw.random(), "Stop.")]
        said = [s for s in said if draw.random() < 0.95]
        truth = {"start_s": start, "stop_s": stop, "length_s": length}
        entries.append(_entry(f"v{i}", truth, said))
    return entries


def plain_charades(entries: Sequence[Entry]) -> tuple[dict[str, Numbers], dict[str, float]]:
    """Strict and loose words, an open start closed at the end of the video, IoU of the first interval."""

    def iou(a: tuple[float, float], b: tuple[float, float]) -> float:
        hull = max(a[1], b[1]) - min(a[0], b[0])
        return max(0.0, min(a[1], b[1]) - max(a[0], b[0])) / hull if hull > 0 else 0.0

    def score(said: Sequence[tuple[float, str]], truth: Any, loose: bool) -> float:
        begun, length = None, truth["length_s"]
        span = (truth["start_s"], truth["stop_s"])
        for t, text in said:
            tokens = text.split()
            if not loose and len(tokens) > 3:
                continue
            for token in tokens if loose else tokens[:1]:
                word = token.strip(".,!?'\"").casefold()
                if word == "start" and begun is None:
                    begun = t
                elif word == "stop" and begun is not None:
                    end = min(t, length)
                    return iou((min(begun, length), end), span) if end > begun else 0.0
        return iou((begun, length), span) if begun is not None and begun < length else 0.0

    values: dict[str, Numbers] = {}
    whole: Numbers = []
    for entry in entries:
        said = [(u.t0_s, u.text) for u in entry.answers["main"].utterances]
        for end, loose in (("", False), ("_strict", False), ("_loose", True)):
            found = score(said, entry.truth, loose)
            values.setdefault(f"miou{end}", []).append(100.0 * found)
            for m in (0.3, 0.5, 0.7):
                values.setdefault(f"r_at_{m}{end}", []).append(100.0 if found >= m else 0.0)
        values.setdefault("set_iou", []).append(100.0 * score(said, entry.truth, False))
        whole.append(100.0 * score([(0.0, "start"), (entry.truth["length_s"], "stop")], entry.truth, False))
    return values, {"start at 0": sum(whole) / len(whole)}


def turns(count: int, seed: int) -> list[Entry]:
    """Full-Duplex-Bench v1, smooth turn taking; one sample in ten stays silent."""
    draw = random.Random(seed)
    entries = []
    for i in range(count):
        end = round(draw.uniform(2, 10), 3)
        first = end + draw.uniform(-0.5, 2)
        words = (
            [(round(first + 0.35 * k, 3), "word") for k in range(draw.randint(4, 20))] if draw.random() < 0.9 else []
        )
        truth = {
            "suite": "fdb-v1", "subset": "candor_turn_taking", "task": "smooth_turn_taking", "id": str(i),
            "turn_end_s": end,
        }  # fmt: skip
        entries.append(_entry(f"candor_turn_taking/{i}", truth, words, "candor_turn_taking"))
    return entries


def plain_turns(entries: Sequence[Entry]) -> tuple[dict[str, Numbers], dict[str, float]]:
    """Turns taken, and their latency."""
    values: dict[str, Numbers] = {"latency_s": [], "tor": []}
    for entry in entries:
        words = entry.answers["main"].words
        last = words[-1].t1_s if words else None
        taken = last is not None and (last - words[0].t0_s >= 1 or len(words) > 3)
        values["tor"].append(float(taken))
        if taken:
            values["latency_s"].append(max(0.0, words[0].t0_s - entry.truth["turn_end_s"]))
    return values, {"silent": 0.0}


CASES: dict[str, tuple[Callable[[int, int], list[Entry]], Plain]] = {
    "repcount-a": (repcount, plain_repcount),
    "charades": (charades, plain_charades),
    "fdb-v1": (turns, plain_turns),
}


def plain_interval(values: Numbers) -> tuple[float, float]:
    """Percentile bootstrap, item by item."""
    draw = random.Random(0)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(RESAMPLES))
    return means[round(0.025 * (RESAMPLES - 1))], means[round(0.975 * (RESAMPLES - 1))]


def measured(name: str, count: int) -> dict[str, Any]:
    """Both ways over the same items; run in a process of its own, so that its memory is that of this work."""
    make, plain = CASES[name]
    entries = make(count, 1)
    grader = suite_named(name)
    before_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.process_time()
    grade = grader.grade(entries, profile=grader.profiles[0], params={}, sources=Sources())
    ours_s = time.process_time() - begun
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    begun = time.process_time()
    values, trivial = plain(entries)
    bare_s = time.process_time() - begun
    ours = {m.name: m for m in grade.metrics}
    intervals = {name: plain_interval(v) for name, v in values.items() if ours[name].interval is not None}
    plain_s = time.process_time() - begun
    means = {name: sum(v) / len(v) for name, v in values.items()}
    differ = [name for name, mean in means.items() if not _same(ours[name].value, mean)]
    differ += sorted(ours.keys() - means.keys())
    scores = {b.name: b.score for b in grade.baselines}
    for name, value in trivial.items():
        found = [s for n, s in scores.items() if n.startswith(name)]
        differ += [f"baseline {name}"] if not any(_same(s, value) or s is None for s in found) else []
    headline = grade.metrics[0].name
    return {
        "ours_s": ours_s, "plain_s": plain_s, "plain_without_intervals_s": bare_s, "memory_mib": memory_mib,
        "memory_before_mib": before_mib, "differ": differ, "metrics": len(means), "score": grade.score,
        "plain_score": means[headline], "interval": grade.interval, "plain_interval": intervals.get(headline),
    }  # fmt: skip


def _same(ours: float | None, plain: float) -> bool:
    return ours is not None and abs(ours - plain) < 1e-6


def _in_own_process(name: str, count: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.grading", name, str(count)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def grading(effort: Effort) -> Iterable[Figure]:
    """Every case: speed, memory, ratio to plain Python, and whether the results are equal."""
    count = round(effort.seconds(ITEMS, ITEMS))
    for name in CASES:
        found = _in_own_process(name, count)
        yield at_least(
            f"grading.{name}.items_per_s", count / found["ours_s"], ITEMS_PER_S, "items/s", count,
            what="plain Python, same work", items_per_s=round(count / found["plain_s"], 1),
        )  # fmt: skip
        yield at_least(
            f"grading.{name}.ratio", 0.0 if found["differ"] else found["plain_s"] / found["ours_s"], 1.0, "x", count,
            what="plain Python; 0 where results differ", differ=found["differ"], metrics=found["metrics"],
            score=found["score"], plain_score=found["plain_score"], interval=found["interval"],
            plain_interval=found["plain_interval"], plain_s=round(found["plain_s"], 3),
            plain_without_intervals_s=round(found["plain_without_intervals_s"], 3), ours_s=round(found["ours_s"], 3),
        )  # fmt: skip
        yield at_most(
            f"grading.{name}.memory", found["memory_mib"], MEMORY_MIB, "MiB", count,
            what="before grading, items included", mib=round(found["memory_before_mib"], 1),
        )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
