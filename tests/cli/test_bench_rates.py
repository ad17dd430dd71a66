"""A score does not depend on the sample rate of the files that a session plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fdb_folders import TURNS, v1_sample
from tests.cli.invoking import graded, made, write_script
from tmlapp.bench.runs.run import load_run

pytestmark = pytest.mark.crash

RATES = (8_000, 16_000, 24_000, 44_100, 48_000)


def test_the_same_sound_at_another_rate_has_the_same_score(tmp_path: Path) -> None:
    for name, rate in enumerate(RATES, start=1):
        v1_sample(tmp_path / "v1.0", TURNS, str(name), rate=rate)
    script = write_script(tmp_path / "s.json", {"t_s": 2.6, "text": "I think so too"})
    said = made("fdb-v1", tmp_path / "v1.0", script, tmp_path / "run")
    assert (said["done"], said["failed"]) == (len(RATES), {})
    grade = graded(tmp_path / "run", "--profile", "clean")["grades"][0]
    assert (grade["n"], grade["n_scored"], grade["n_missing"]) == (len(RATES), len(RATES), 0)
    run = load_run(tmp_path / "run")
    verdicts = run.newest_grades()["clean"].verdicts
    assert len({(v.score, v.why, tuple(v.values.items()), v.graded_text) for v in verdicts}) == 1
    answers = [parts["main"] for parts in run.answers.values()]
    assert len({(a.duration_s, a.samples, a.utterances, a.words) for a in answers}) == 1
