"""Blind packets: nothing in them but the sound tells the models apart, and only what was sent comes back."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import wave
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.people_runs import make_run, tone
from tmlapp.bench.people import packet as packet_module
from tmlapp.bench.people.loudness import TARGET_LUFS, equally_loud, integrated_lufs, k_weighting
from tmlapp.bench.people.packet import PacketRequest, PacketsMade, make_packets
from tmlapp.bench.people.packet_files import (
    Given,
    answered,
    answers_json,
    answers_so_far,
    read_answers,
    read_packet,
)
from tmlapp.bench.people.packet_merge import merge_packets
from tmlapp.bench.people.preference import Choice, binomial_p, preference_of, wilson
from tmlapp.bench.people.questions import questions_of
from tmlapp.bench.people.summary import summary_of
from tmlapp.bench.people.verdicts import PEOPLE, Subject, read_verdicts
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit

ALPHA, BRAVO = "scripted:alphamodel", "openai:bravomodel@bravohost.example"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models that sound different, one of them much louder."""
    folder = tmp_path_factory.mktemp("models")
    make_run(folder / "run-alphamodel", ALPHA, items=6, hz=220.0, level=9000.0)
    said = "it flutters"
    make_run(folder / "run-bravomodel", BRAVO, items=6, hz=880.0, level=500.0, onset_s=7.4, said=said)
    return folder


@pytest.fixture
def runs(tmp_path: Path, models: Path) -> list[Path]:
    """The two runs, to be judged anew."""
    return [shutil.copytree(models / name, tmp_path / name) for name in ("run-alphamodel", "run-bravomodel")]


@pytest.fixture
def sounds_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sounds depend on no seed: they are cut once where many packets are made of the same runs."""
    monkeypatch.setattr(packet_module, "_sounds", keep(packet_module._sounds))


def keep(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    kept: list[Any] = []

    def once(units: Any) -> Any:
        if not kept:
            kept.append(make(units))
        return kept[0]

    return once


def made(tmp_path: Path, runs: list[Path], **more: Any) -> PacketsMade:
    return make_packets(PacketRequest(runs=runs, out=tmp_path / "packets", key=tmp_path / "key", **{"seed": 5, **more}))


def key_of(packets: PacketsMade) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((packets.key / "key.json").read_text())
    return found


def run_of_media(packets: PacketsMade, rater: str) -> dict[str, int]:
    """Which model is heard in which file, as only the key says."""
    questions = key_of(packets)["raters"][rater]["questions"].values()
    return {name: run for q in questions for name, run in zip(q["media"], q["runs"], strict=True)}


def answer_all(folder: Path, value: str = "right", **more: Any) -> None:
    file = answers_so_far(read_packet(folder))
    for question in read_packet(folder).questions:
        chosen = value if value in question.scale else question.scale[0]
        file = answered(file, question.id, Given(value=chosen, **more))


# --- blindness --------------------------------------------------------------------------------------------------------


def test_no_byte_of_a_packet_names_a_model_a_run_a_path_or_a_time(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs)
    secrets = [b"alpha", b"bravo", b"scripted", b"openai", b"host.", b"run-", b"cs-", str(tmp_path).encode(), b"2026"]
    for file in [p for p in (tmp_path / "packets").rglob("*") if p.is_file()]:
        content, name = file.read_bytes().lower(), file.name.encode().lower()
        if file.suffix == ".wav":
            content = content[:44]
        assert not [s for s in secrets if s in content or s in name], file
    asked = read_packet(packets.folders[0]).questions
    assert all(q.window_s is None for q in asked)
    assert {q.aspect for q in asked} == {"meaning"}


def test_all_that_surrounds_the_sound_is_the_same_for_both_models(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, share=1.0, raters=2)
    for folder in packets.folders:
        by_run = run_of_media(packets, folder.name)
        features: dict[int, set[tuple[Any, ...]]] = {0: set(), 1: set()}
        for name, run in by_run.items():
            file = folder / "media" / name
            features[run].add((len(name), file.stat().st_size, file.stat().st_mtime_ns, file.read_bytes()[:44]))
        assert features[0] == features[1]
        stamps = {p.stat().st_mtime_ns for p in (folder, *folder.rglob("*"))}
        assert len(stamps) == 1


def test_sounds_hold_two_chunks_and_are_equally_loud_and_long(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, share=1.0, raters=1)
    loudness: list[float] = []
    for file in (packets.folders[0] / "media").iterdir():
        data = file.read_bytes()
        assert (data[:4], data[8:16], data[36:40]) == (b"RIFF", b"WAVEfmt ", b"data")
        assert struct.unpack("<I", data[40:44])[0] == len(data) - 44
        with wave.open(str(file)) as sound:
            assert sound.getnframes() % 16_000 == 0
            pcm = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        found = integrated_lufs(pcm)
        assert found is not None
        loudness.append(found)
    assert max(loudness) - min(loudness) < 0.1
    assert max(loudness) <= TARGET_LUFS + 0.1


@pytest.mark.usefixtures("sounds_once")
def test_neither_order_nor_names_sort_the_models(tmp_path: Path, runs: list[Path]) -> None:
    """A classifier that knows the runs of all files but one predicts that one no better than chance."""
    hits = n = 0
    for seed in range(5):
        place = tmp_path / f"s{seed}"
        place.mkdir()
        packets = made(place, runs, seed=seed, share=1.0, raters=1)
        by_run = run_of_media(packets, "rater-1")
        for order in (
            [by_run[q.media[0]] for q in read_packet(packets.folders[0]).questions],
            [by_run[name] for name in sorted(by_run)],
            [by_run[p.name] for p in (packets.folders[0] / "media").iterdir()],
        ):
            # The best guess from the neighbour before: the same, or the other one.
            hits += sum(a == b for a, b in pairwise(order))
            n += len(order) - 1
    assert abs(hits / n - 0.5) < 0.1


def test_every_rater_has_an_order_and_names_of_their_own(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, share=1.0)
    questions = [key_of(packets)["raters"][f.name]["questions"] for f in packets.folders]
    orders = [[(q["item"], q["key"], tuple(q["runs"])) for q in asked.values()] for asked in questions]
    assert sorted(orders[0]) == sorted(orders[1]) == sorted(orders[2])
    assert orders[0] != orders[1] != orders[2]
    names = [name for f in packets.folders for name in key_of(packets)["raters"][f.name]["media"]]
    assert len(set(names)) == len(names)


def test_a_share_goes_to_all_and_the_rest_to_one_each(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, share=0.25)
    times = Counter(
        (q["item"], q["key"], q["runs"][0])
        for asked in key_of(packets)["raters"].values()
        for q in asked["questions"].values()
    )
    assert (packets.n_questions, packets.n_shared) == (24, 6)
    assert Counter(times.values()) == {3: 6, 1: 18}
    assert packets.per_rater == (12, 12, 12)
    shared_runs = Counter(run for (_, _, run), n in times.items() if n == 3)
    assert shared_runs == {0: 3, 1: 3}


@pytest.mark.usefixtures("sounds_once")
def test_the_same_seed_gives_the_same_packets_and_none_a_secret_one(tmp_path: Path, runs: list[Path]) -> None:
    keys = []
    for name, seed in (("a", 7), ("b", 7), ("c", None), ("d", None)):
        (tmp_path / name).mkdir()
        keys.append(key_of(made(tmp_path / name, runs, seed=seed))["raters"])
    assert keys[0] == keys[1]
    assert keys[2] != keys[3]


def test_timing_shows_the_window_and_the_whole_conversation(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, kinds=("timing",), share=1.0, raters=1)
    packet = read_packet(packets.folders[0])
    assert {q.window_s for q in packet.questions} == {(6.0, 9.0), (9.0, 9.9)}
    assert not any(q.said for q in packet.questions)
    sizes = {(packets.folders[0] / "media" / name).stat().st_size for name in packet.media}
    assert sizes == {44 + 10 * 32_000}


def test_a_model_that_names_itself_is_told_to_whoever_makes_the_packets(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "openai:bravomodel@host.example", items=2, said="I am Bravomodel")
    assert made(tmp_path, [run]).notes == ("in 2 answers the model of run names itself, which a rater will hear",)


def test_a_model_without_sound_beside_one_with_is_told(tmp_path: Path, runs: list[Path]) -> None:
    for sound in (runs[1] / "items").rglob("main.wav"):
        sound.unlink()
    assert made(tmp_path, runs).notes == (
        "answers without any sound, by which a rater can tell them apart: 12 of run-bravomodel",
    )


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kinds": ("taste",)}, "Packets of taste cannot be made"),
        ({"kinds": ()}, "Packets of nothing"),
        ({"kinds": ("preference", "meaning")}, "A preference stands alone"),
        ({"raters": 0}, "need a run, a rater"),
        ({"share": 1.5}, "share from 0 to 1"),
        ({"kinds": ("overall",)}, "nothing to judge"),
    ],
)
def test_what_cannot_be_made_is_told_and_leaves_nothing(
    tmp_path: Path, runs: list[Path], changed: dict[str, Any], told: str
) -> None:
    with pytest.raises(AppError, match=told):
        made(tmp_path, runs, **changed)
    assert not (tmp_path / "packets").exists()


def test_the_key_never_goes_to_the_raters_and_nothing_is_written_over(tmp_path: Path, runs: list[Path]) -> None:
    with pytest.raises(AppError, match="would go to the raters"):
        make_packets(PacketRequest(runs=runs, out=tmp_path / "p", key=tmp_path / "p" / "key"))
    made(tmp_path, runs)
    with pytest.raises(AppError, match="is there already"):
        made(tmp_path, runs)
    with pytest.raises(AppError, match="1 were named"):
        make_packets(PacketRequest(runs=runs[:1], out=tmp_path / "q", key=tmp_path / "k", kinds=("preference",)))


# --- coming back ------------------------------------------------------------------------------------------------------


def test_answers_come_back_as_verdicts_with_their_provenance(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=2, share=0.5)
    for folder in packets.folders:
        answer_all(folder, "wrong", confidence=2, note="não")
    merged = merge_packets(packets.key, packets.folders)
    assert (merged.written, merged.known, merged.missing, merged.notes) == (sum(packets.per_rater), 0, 0, ())
    found = [read_verdicts(run) for run in runs]
    assert sum(len(v.current) for v in found) == merged.written
    verdict = next(iter(found[0].current.values()))
    assert (verdict.value, verdict.confidence, verdict.note, verdict.packet) == ("wrong", 2, "não", packets.packet)
    line = json.loads((runs[0] / PEOPLE).read_text().splitlines()[0])
    assert line["why"] == f"packet {packets.packet} was merged"
    assert line["data"]["blind"] is True
    rows = list(csv.DictReader(merged.table.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == merged.written
    assert {r["endpoint"] for r in rows} == {ALPHA, BRAVO}
    again = merge_packets(packets.key, packets.folders)
    assert (again.written, again.known) == (0, merged.written)


def test_another_answer_later_is_a_new_line_and_holds(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=1)
    folder = packets.folders[0]
    answer_all(folder, "wrong")
    merge_packets(packets.key, [folder])
    answer_all(folder, "right")
    assert merge_packets(packets.key, [folder]).written == packets.n_questions
    assert {v.value for run in runs for v in read_verdicts(run).current.values()} == {"right"}


def test_half_a_packet_needs_a_flag(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=1)
    packet = read_packet(packets.folders[0])
    answered(answers_so_far(packet), packet.questions[0].id, Given(value="right"))
    with pytest.raises(AppError, match=r"23 of 24 questions have no answer"):
        merge_packets(packets.key, packets.folders)
    assert not (runs[0] / PEOPLE).exists()
    merged = merge_packets(packets.key, packets.folders, partial=True)
    assert (merged.written, merged.missing) == (1, 23)


def test_answers_alone_are_taken_and_it_is_said_that_sounds_were_not_checked(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=1)
    answer_all(packets.folders[0])
    alone = tmp_path / "mail" / "answers.json"
    alone.parent.mkdir()
    shutil.copy(packets.folders[0] / "answers.json", alone)
    assert "could not be checked" in merge_packets(packets.key, [alone]).notes[0]


def change_json(path: Path, **members: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: change_json(f / "answers.json", packet="000000000000"), "It answers packet 000000000000"),
        (lambda f: change_json(f / "answers.json", rater="rater-9"), "knows no rater-9"),
        (lambda f: change_json(f / "answers.json", packet_sha256="0"), "not those that were sent"),
        (lambda f: change_json(f / "answers.json", answers={"feed": {"value": "right"}}), "feed, which was not asked"),
        (lambda f: change_json(f / "packet.json", guide="Be kind."), "changed after it was sent"),
        (lambda f: next((f / "media").iterdir()).unlink(), "It is missing"),
        (lambda f: next((f / "media").iterdir()).write_bytes(b"RIFF"), "not the sound that was sent"),
        (lambda f: (f / "answers.json").write_text("{"), "holds no answers"),
        (lambda f: (f / "answers.json").unlink(), "holds no answers"),
        (lambda f: change_json(f / "answers.json", answers={"x": {"value": "right", "confidence": 7}}), "no answers"),
        (lambda f: change_json(f / "answers.json", answers=[]), "holds no answers"),
    ],
)
def test_foreign_and_changed_answers_are_refused_and_nothing_is_merged(
    tmp_path: Path, runs: list[Path], spoil: Any, told: str
) -> None:
    packets = made(tmp_path, runs, raters=2)
    for folder in packets.folders:
        answer_all(folder)
    spoil(packets.folders[1])
    with pytest.raises(AppError, match=told):
        merge_packets(packets.key, packets.folders)
    assert not (runs[0] / PEOPLE).exists()


def test_a_value_that_is_not_on_the_scale_is_refused(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=1)
    packet = read_packet(packets.folders[0])
    answered(answers_so_far(packet), packet.questions[0].id, Given(value="great"))
    with pytest.raises(AppError, match="'great' is no answer"):
        merge_packets(packets.key, packets.folders, partial=True)


def test_one_rater_twice_a_wrong_key_and_a_lost_run_are_told(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=1)
    answer_all(packets.folders[0])
    with pytest.raises(AppError, match="rater-1 is there twice"):
        merge_packets(packets.key, [packets.folders[0], packets.folders[0] / "answers.json"])
    with pytest.raises(AppError, match="holds no key"):
        merge_packets(packets.folders[0], packets.folders)
    runs[1].rename(tmp_path / "elsewhere")
    with pytest.raises(AppError, match="is not where it was"):
        merge_packets(packets.key, packets.folders)


def test_everything_may_move_together(tmp_path: Path, runs: list[Path]) -> None:
    (tmp_path / "here").mkdir()
    for run in runs:
        run.rename(tmp_path / "here" / run.name)
    packets = made(tmp_path / "here", [tmp_path / "here" / run.name for run in runs], raters=1)
    answer_all(packets.folders[0])
    (tmp_path / "here").rename(tmp_path / "there")
    there = tmp_path / "there"
    merged = merge_packets(there / "key", [there / "packets" / "rater-1"])
    assert merged.written == 24


def test_answers_in_a_folder_belong_to_its_packet(tmp_path: Path, runs: list[Path]) -> None:
    packets = made(tmp_path, runs, raters=2)
    answer_all(packets.folders[0])
    shutil.copy(packets.folders[0] / "answers.json", packets.folders[1] / "answers.json")
    with pytest.raises(AppError, match="belongs to another packet"):
        answers_so_far(read_packet(packets.folders[1]))
    with pytest.raises(AppError, match="is no packet"):
        read_packet(runs[0])
    change_json(packets.folders[1] / "packet.json", questions=[{"id": 1}])
    with pytest.raises(AppError, match="is no packet"):
        read_packet(packets.folders[1])


def test_an_answer_can_be_taken_back(tmp_path: Path, runs: list[Path]) -> None:
    packet = read_packet(made(tmp_path, runs, raters=1).folders[0])
    name = packet.questions[0].id
    file = answered(answers_so_far(packet), name, Given(value="right", confidence=1, note="x"))
    assert read_answers(packet.folder) == file
    assert answers_json(file)["answers"][name] == {"value": "right", "confidence": 1, "note": "x"}
    assert answered(file, name, None).answers == {}
    assert read_answers(packet.folder).answers == {}


# --- preference -------------------------------------------------------------------------------------------------------


def test_pairs_are_balanced_over_sides_equally_loud_and_counted_for_the_right_run(
    tmp_path: Path, runs: list[Path]
) -> None:
    packets = made(tmp_path, runs, kinds=("preference",), share=1.0, raters=2)
    for folder in packets.folders:
        by_run = run_of_media(packets, folder.name)
        packet = read_packet(folder)
        firsts = Counter(by_run[q.media[0]] for q in packet.questions)
        assert firsts == {0: 3, 1: 3}
        file = answers_so_far(packet)
        for question in packet.questions:
            # This rater likes the first run, wherever it is heard.
            value = "first" if by_run[question.media[0]] == 0 else "second"
            file = answered(file, question.id, Given(value=value))
    merged = merge_packets(packets.key, packets.folders)
    assert merged.written == 2 * 12
    found = summary_of(runs).preference
    assert found is not None
    assert (found.wins, found.ties, found.n_items, found.n_first) == ((12, 0), 0, 6, (6, 6))
    assert (found.first_share, found.sides_matter) == (0.5, False)
    turned = summary_of(runs[::-1]).preference
    assert turned is not None
    assert turned.wins == (0, 12)
    assert summary_of(runs[:1]).preference is None


def test_a_preference_has_an_interval_and_a_check_of_sides() -> None:
    choices = [Choice(str(n), "ada", "first", n % 2) for n in range(10)] + [Choice("t", "eve", "tie", 0)]
    found = preference_of(choices)
    assert (found.wins, found.ties, found.share, found.p_value) == ((5, 5), 1, 0.5, 1.0)
    assert found.sides_matter
    assert found.first_p == pytest.approx(2 / 1024)
    assert found.by_rater == {"ada": (5, 5, 0), "eve": (0, 0, 1)}
    assert preference_of([Choice("a", "ada", "tie", 0)]).reason == "every choice is a tie"
    assert preference_of([]).reason == "nobody has chosen"
    assert found.to_json()["sides_matter"] is True


def test_intervals_and_p_values_are_those_of_scipy_and_statsmodels() -> None:
    stats = pytest.importorskip("scipy.stats")
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for hits, n in ((0, 5), (3, 10), (10, 10), (41, 90)):
        assert binomial_p(hits, n) == pytest.approx(stats.binomtest(hits, n).pvalue)
        assert wilson(hits, n) == pytest.approx(proportion.proportion_confint(hits, n, method="wilson"), abs=1e-9)


# --- loudness ---------------------------------------------------------------------------------------------------------


def test_k_weighting_has_the_coefficients_of_the_recommendation() -> None:
    (b, a), (d, c) = k_weighting(48_000)
    assert b == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-10)
    assert a == pytest.approx([1.0, -1.69065929318241, 0.73248077421585], abs=1e-10)
    assert d == pytest.approx([1.0, -2.0, 1.0])
    assert c == pytest.approx([1.0, -1.99004745483398, 0.99007225036621], abs=1e-10)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_a_full_sine_of_a_kilohertz_has_the_loudness_of_the_recommendation(rate: int) -> None:
    t = np.arange(rate * 20) / rate
    pcm = (32767 * np.sin(2 * np.pi * 997 * t)).astype(np.int16)
    assert integrated_lufs(pcm, rate) == pytest.approx(-3.01, abs=0.1)
    # Long silence falls to the gate.
    assert integrated_lufs(np.concatenate([pcm, 0 * pcm]), rate) == pytest.approx(-3.01, abs=0.1)


def test_long_sounds_are_measured_in_pieces_with_the_same_result() -> None:
    pcm = np.random.default_rng(0).normal(0, 3000, 16_000 * 80).astype(np.int16)
    whole, half = integrated_lufs(pcm), integrated_lufs(pcm[: 16_000 * 40])
    assert whole == pytest.approx(half, abs=0.05)


def test_silence_and_shortness_have_no_loudness_and_stay_as_they_are() -> None:
    silence, short = np.zeros(16_000, np.int16), tone(0.2, 440)
    assert integrated_lufs(silence) is None
    assert integrated_lufs(short) is None
    found = equally_loud([silence, short, tone(1.0, 440, 30.0)])
    assert not found[0].any()
    assert np.array_equal(found[1], short)
    assert integrated_lufs(found[2]) == pytest.approx(TARGET_LUFS, abs=0.05)


def test_a_sound_with_high_peaks_makes_all_quieter_and_nothing_clips() -> None:
    clicks = np.zeros(32_000, np.int16)
    clicks[::4000] = 20_000
    found = equally_loud([clicks, tone(2.0, 440)])
    loudness = [integrated_lufs(pcm) for pcm in found]
    assert loudness[0] == pytest.approx(loudness[1], abs=0.1)
    assert max(int(np.abs(pcm.astype(int)).max()) for pcm in found) < 32767 * 0.9


def test_questions_of_packets_are_those_of_the_run(runs: list[Path]) -> None:
    assert Subject("cs-5", "e2", "meaning") in {q.subject for q in questions_of(runs[0])}
