"""From two real runs over blind packets to agreement, all on the command line; the page in a real browser."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.test_speak_items import ITEM
from tests.cli.invoking import answer, graded, invoke, made, write_script, write_sound
from tmlapp.bench.people.packet_files import Given, answered, answers_so_far, read_answers, read_packet

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two scripted models, driven and graded as any other."""
    folder = tmp_path_factory.mktemp("packets")
    lines = []
    for n in range(3):
        raw = copy.deepcopy(ITEM)
        raw["id"], raw["input"]["audio"] = f"cs-{n}", f"{n}.wav"
        write_sound(folder / f"{n}.wav", np.random.default_rng(n).normal(0, 900, 160_000).astype(np.int16))
        lines.append(json.dumps(raw))
    (folder / "items.jsonl").write_text("\n".join(lines), encoding="utf-8")
    made_so_far = []
    for name, text, t_s in (("alphamodel", "Butterfly.", 6.6), ("bravomodel", "It is a moth.", 7.4)):
        script = write_script(folder / f"{name}.json", {"t_s": t_s, "text": text})
        made("cuespeak", folder, script, folder / name, "--instruct", "typed", "--clock", "fast")
        graded(folder / name, "--judge", "rules")
        made_so_far.append(folder / name)
    return made_so_far


def rate(folder: Path, value: str | None = None) -> None:
    """Somebody who listens: what says butterfly is right."""
    packet = read_packet(folder)
    file = answers_so_far(packet)
    for question in packet.questions:
        chosen = value or ("right" if "butterfly" in " ".join(question.said).lower() else "wrong")
        file = answered(file, question.id, Given(value=chosen, confidence=3))


def test_packets_go_out_and_come_back_and_agreement_is_counted(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "blind"
    packets = answer(invoke("packet", "make", *runs, "--out", out, "--raters", 2, "--share", 1.0, "--json"))
    assert (packets["n_questions"], packets["per_rater"], packets["key"]) == (6, [6, 6], f"{out}-key")
    for file in out.rglob("*.json"):
        text = file.read_text().lower()
        assert "alphamodel" not in text
        assert "bravomodel" not in text
    half = invoke("packet", "merge", f"{out}-key", out / "rater-1")
    assert half.exit_code == 1
    assert "holds no answers" in half.stderr
    rate(out / "rater-1")
    rate(out / "rater-2", "right")
    told = invoke("packet", "merge", f"{out}-key", out / "rater-1", out / "rater-2")
    assert told.exit_code == 0, told.output
    assert "12 verdicts of rater-1, rater-2 added" in told.stdout
    found = answer(invoke("agree", *runs, "--json", "--resamples", 100))
    (meaning,) = found["aspects"]
    cohen = next(a for a in meaning["agreements"] if a["name"] == "cohen")
    assert (cohen["n"], cohen["observed"], cohen["value"]) == (6, 0.5, 0.0)
    assert len(found["conflicts"]) == 3
    text = invoke("agree", *runs, "--resamples", 50).stdout
    for part in ("Krippendorff's alpha, 2 raters", "rules against people", "3 conflicts, 3 of them open", "precision"):
        assert part in text, text


def test_a_preference_is_told_with_its_interval(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    words = ("--out", out, "--raters", 1, "--kinds", "preference", "--seed", 4)
    made_text = invoke("packet", "make", *runs, *words).stdout
    assert "seed 4" in made_text
    assert "rate.html" in made_text
    rate(out / "rater-1", "first")
    assert invoke("packet", "merge", f"{out}-key", out / "rater-1").exit_code == 0
    text = invoke("agree", *runs).stdout
    assert "preference: alphamodel" in text
    assert "ties 0 over 3 items" in text
    assert "chose what came first" in text
    assert answer(invoke("agree", *runs, "--json"))["preference"]["first_share"] == 1.0


def test_windows_of_two_authors_are_compared(runs: list[Path], tmp_path: Path) -> None:
    mine = runs[0].parent
    other = shutil.copytree(mine, tmp_path / "other", ignore=shutil.ignore_patterns("*model*"))
    text = (other / "items.jsonl").read_text().replace('"window": [6.0, 9.0]', '"window": [6.05, 8.0]')
    (other / "items.jsonl").write_text(text)
    found = answer(invoke("agree", "--windows", mine, other / "items.jsonl", "--json"))
    assert found["iou"]["value"] == pytest.approx(1.95 / 3)
    told = invoke("agree", "--windows", mine, other).stdout
    assert "temporal IoU: 0.65" in told
    assert "starts differ by 0.050 s, ends by 1.000 s" in told
    refused = invoke("agree", "--windows", mine)
    assert refused.exit_code == 1
    assert "1 files were named" in refused.stderr


def test_a_run_that_nobody_judged_says_what_to_do(runs: list[Path], tmp_path: Path) -> None:
    fresh = shutil.copytree(runs[0], tmp_path / "fresh", ignore=shutil.ignore_patterns("people.jsonl"))
    assert "Nobody has judged anything here yet" in invoke("agree", fresh).stdout


# --- the page in a browser --------------------------------------------------------------------------------------------

KEYS = """
<script>
window.addEventListener("load", () => {
  const press = (key, code, shift) => document.dispatchEvent(
    new KeyboardEvent("keydown", {key, code, shiftKey: !!shift, bubbles: true, cancelable: true}));
  press("2", "Digit2"); press("#", "Digit3", true);
  press("n", "KeyN");
  document.getElementById("note").value = "quiet <b>";
  document.getElementById("note").dispatchEvent(new Event("input"));
  document.getElementById("note").blur();
  press("ArrowRight", "ArrowRight"); press("1", "Digit1");
  press("ArrowRight", "ArrowRight"); press("ArrowRight", "ArrowRight"); press("ArrowLeft", "ArrowLeft");
  const made = document.createElement("pre");
  made.id = "result";
  made.textContent = JSON.stringify({file: file(), place: document.getElementById("place").textContent,
    kept: Object.keys(JSON.parse(localStorage.getItem(store)).answers).length});
  document.body.append(made);
});
</script>
"""


def test_the_page_is_rated_in_a_browser_by_keyboard_and_its_file_is_merged(runs: list[Path], tmp_path: Path) -> None:
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium or Chrome here")
    out = tmp_path / "blind"
    answer(invoke("packet", "make", *runs, "--out", out, "--raters", 1, "--json"))
    folder = out / "rater-1"
    page = (folder / "rate.html").read_text(encoding="utf-8")
    assert "http://" not in page
    assert "https://" not in page
    driven = folder / "driven.html"
    driven.write_text(page.replace("</body>", KEYS + "</body>"), encoding="utf-8")
    done = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=3000", "--dump-dom", driven.as_uri()],
        check=True, capture_output=True, timeout=100,
    )  # fmt: skip
    text = done.stdout.decode()
    inside = text.partition('<pre id="result">')[2].partition("</pre>")[0]
    result: dict[str, Any] = json.loads(inside.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    questions = read_packet(folder).questions
    assert result["place"] == "Question 3 of 6"
    assert result["kept"] == 2
    back = tmp_path / "answers.json"
    back.write_text(json.dumps(result["file"]))
    given = read_answers(back).answers
    assert given == {
        questions[0].id: Given(value="wrong", confidence=3, note="quiet <b>"),
        questions[1].id: Given(value="right"),
    }
    merged = answer(invoke("packet", "merge", f"{out}-key", back, "--partial", "--json"))
    assert (merged["written"], merged["missing"]) == (2, 4)
