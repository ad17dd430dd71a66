"""A grade survives its file, whatever version of the app wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tmlapp.core.grade import Baseline, Grade, Metric, Provenance, Verdict

pytestmark = pytest.mark.unit


def grade() -> Grade:
    judged = {"id": "rules", "model": "", "calls": 2}
    return Grade(
        suite="fdb-v3", metric="quality, %", score=50.0, n=2, n_scored=2, n_missing=1, n_silent=0, n_ungraded=0,
        verdicts=(
            Verdict(item="a", score=100.0, passed=True, graded_text=((0.5, "yes"),), why="passes", values={"f1": 1.0}),
            Verdict(item="b", score=None, passed=None, graded_text=(), why="missing", missing=True, details={"x": [1]}),
        ),
        baselines=(Baseline(name="silent", score=None),),
        provenance=Provenance(
            formula="f@1", profile="official", parameters={"p": 1}, files={"truth": "ab"}, judges=(judged,),
            transcripts={"model": "x"}, seeds={"bootstrap": 0}, items_sha256="cd", protocol={"background_agent": True},
        ),
        aggregates={"k": {"n": 1}},
        metrics=(
            Metric(name="q", label="quality", value=50.0, n=2, interval=(0.0, 100.0)),
            Metric(name="l", label="latency", value=None, n=0, unit="s", better="lower", reason="nobody spoke"),
        ),
        interval=(0.0, 100.0),
        n_quarantined=3,
    )  # fmt: skip


def test_a_grade_comes_back_from_json_text_as_it_was() -> None:
    assert Grade.from_json(json.loads(json.dumps(grade().to_json()))) == grade()


def test_a_grade_of_an_older_version_takes_the_defaults() -> None:
    old: dict[str, Any] = json.loads(json.dumps(grade().to_json()))
    for name in ("metrics", "interval", "n_quarantined", "aggregates"):
        del old[name]
    for name in ("judges", "transcripts", "seeds", "items_sha256", "protocol"):
        del old["provenance"][name]
    for verdict in old["verdicts"]:
        for name in ("values", "group", "audio", "silent", "missing", "ungraded"):
            del verdict[name]
    found = Grade.from_json(old)
    assert (found.metrics, found.interval, found.n_quarantined, found.aggregates) == ((), None, 0, {})
    assert found.provenance.judges == ()
    assert found.verdicts[0].graded_text == ((0.5, "yes"),)
    assert not found.verdicts[1].missing


def test_a_metric_of_an_older_version_has_no_interval() -> None:
    old = json.loads(json.dumps(grade().to_json()))
    del old["metrics"][0]["interval"]
    assert Grade.from_json(old).metrics[0].interval is None


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"verdicts": []},
        {**grade().to_json(), "colour": "red"},
        {**grade().to_json(), "interval": ["a", "b"]},
        {**grade().to_json(), "verdicts": [{"graded_text": [[1]]}]},
    ],
)
def test_what_is_no_grade_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((TypeError, KeyError, ValueError)):
        Grade.from_json(broken)
