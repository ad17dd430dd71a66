"""IFEval: nearly all of its time is the checkers' own, so it stands beside lm-eval's own loop over the same rows."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.perf.figure import Effort, Figure, at_least, at_most, unmeasured
from tests.perf.grading import ITEMS, ITEMS_PER_S, MEMORY_MIB
from tmlapp.bench.answer import Answer
from tmlapp.bench.registry import suite_named
from tmlapp.bench.suite import Entry, Sources
from tmlapp.bench.suites import ifeval_checkers
from tmlapp.bench.suites.ifeval_checkers import NEEDS_SENTENCES, SeededRandom

ROWS = Path(__file__).parents[3] / "shared" / "data" / "bench" / "ifeval" / "input_data.jsonl"


def rows(count: int) -> list[tuple[dict[str, Any], str]]:
    """`count` prompts of the benchmark that need no sentence tokenizer, each with an answer of its own."""
    lines = [json.loads(line) for line in ROWS.read_text(encoding="utf-8").splitlines()]
    usable = [row for row in lines if not NEEDS_SENTENCES & set(row["instruction_id_list"])]
    found = []
    for i in range(count):
        text = f"Sure, *this* is answer {i}.\n\n<<A title>>\n\n* one\n* two of {i % 97}\n\nP.S. I am done!"
        found.append((usable[i % len(usable)], text if i % 3 else text.lower()))
    return found


def measured(name: str, count: int) -> dict[str, Any]:
    """Ours and lm-eval's `process_results` over the same rows, in a process of its own."""
    import langdetect

    asked = rows(count)
    suite = suite_named(name)
    entries = [Entry(str(i), row, (), {"main": Answer(text=text)}) for i, (row, text) in enumerate(asked)]
    begun = time.process_time()
    grade = suite.grade(entries, profile="official", params={}, sources=Sources())
    ours_s = time.process_time() - begun
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    random = SeededRandom(0)
    apart = ifeval_checkers._Apart
    stand_ins = {
        "random": random,
        "nltk": ifeval_checkers._nltk(apart("nltk", ("nltk", "nltk.tokenize")), None),
        "langdetect": ifeval_checkers._Langdetect(langdetect),
    }
    packages = ("lm_eval", "lm_eval.tasks", "lm_eval.tasks.ifeval")
    official = apart("lm_eval", packages, stand_ins).module("lm_eval.tasks.ifeval.utils")
    begun = time.process_time()
    strict = []
    for row, text in asked:
        random.restart()
        strict.append(official.process_results(row, [text])["prompt_level_strict_acc"])
    theirs_s = time.process_time() - begun
    ours = next(m.value for m in grade.metrics if m.name == "prompt_strict")
    equal = ours is not None and abs(ours - 100.0 * sum(strict) / len(strict)) < 1e-9
    return {"ours_s": ours_s, "theirs_s": theirs_s, "memory_mib": memory_mib, "equal": equal, "score": ours}


def ifeval(effort: Effort) -> Iterable[Figure]:
    """Speed, memory, and the ratio to lm-eval's own loop."""
    if not ROWS.is_file():
        yield unmeasured("grading.ifeval.items_per_s", "items/s", f">= {ITEMS_PER_S:g}", "the prompts are not here")
        return
    for name in ("ifeval", "ifeval-voice"):
        yield from _figures(name, round(effort.seconds(ITEMS, 2000)))


def _figures(name: str, count: int) -> Iterable[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.ifeval", name, str(count)], check=True, capture_output=True, text=True
    )
    found = json.loads(done.stdout)
    yield at_least(
        f"grading.{name}.items_per_s", count / found["ours_s"], ITEMS_PER_S, "items/s", count,
        what="lm-eval's process_results, same rows", items_per_s=round(count / found["theirs_s"], 1),
    )  # fmt: skip
    yield at_least(
        f"grading.{name}.ratio", found["theirs_s"] / found["ours_s"] if found["equal"] else 0.0, 1.0, "x", count,
        what="lm-eval's process_results; 0 where results differ", equal=found["equal"], score=found["score"],
    )  # fmt: skip
    yield at_most(f"grading.{name}.memory", found["memory_mib"], MEMORY_MIB, "MiB", count, what="items included")


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
