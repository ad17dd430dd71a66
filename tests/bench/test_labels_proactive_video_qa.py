from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tmlapp.bench.data import Subtitle, Tail
from tmlapp.bench.labels import proactive_video_qa as labels
from tmlapp.bench.said import Said
from tmlapp.bench.suites.proactive_video_qa import ProactiveVideoQA
from tmlapp.core.errors import AppError

pytestmark = pytest.mark.unit


def row(name: str = "q", **more: Any) -> dict[str, Any]:
    return {
        "video": f"{name}.mp4", "question_id": name, "duration": 30.0,
        "conversation": [{"role": "user", "time": 0, "content": "What appears?"}],
        "answer": [{"role": "assistant", "content": "A mug.", "related_timespan": [1, 5], "reply_timespan": [1, 6]}],
        **more,
    }  # fmt: skip


def folder(at: Path, category: str, rows: list[Any], videos: tuple[str, ...] | None = None) -> Path:
    place = at / category
    (place / "videos").mkdir(parents=True)
    (place / "anno.json").write_text(json.dumps(rows), encoding="utf-8")
    for name in videos if videos is not None else tuple(r["video"] for r in rows):
        (place / "videos" / name).write_bytes(b"x")
    return at


def load(at: Path, **options: Any) -> Any:
    return ProactiveVideoQA().load(at, options)


def test_each_question_becomes_an_item_that_is_driven_as_published(tmp_path: Path) -> None:
    folder(tmp_path, "WEB", [row("a"), row("b")])
    folder(tmp_path, "EGO", [row("a", type="goal")])
    found = load(tmp_path)
    assert [i.id for i in found.items] == ["WEB/a", "WEB/b", "EGO/a"]
    assert found.expected == 1427
    assert found.notes == ("TV, VAD is not there: the headline needs all four categories.",)
    assert found.files.keys() == {"WEB/anno.json", "EGO/anno.json"}
    part = found.items[0].parts[0]
    assert part.instruction == (
        "Watch the video and stay quiet until a new moment answers the question. When one happens, say a concise"
        " answer. What appears?"
    )
    assert (part.silence_s, part.muted, part.tail) == (2.0, True, Tail(least_s=2.0))
    assert part.video == str(tmp_path / "WEB" / "videos" / "a.mp4")
    assert found.items[0].group == "WEB"
    assert found.items[0].truth["answer"][0]["reply_timespan"] == [1.0, 6.0]


def test_categories_can_be_chosen(tmp_path: Path) -> None:
    folder(tmp_path, "WEB", [row("a")])
    folder(tmp_path, "VAD", [row("a")])
    found = load(tmp_path, categories="vad")
    assert ([i.id for i in found.items], found.expected, found.notes) == (["VAD/a"], 101, ())
    for wrong in ("CATS", " , "):
        with pytest.raises(AppError, match="There are four"):
            load(tmp_path, categories=wrong)


def test_subtitles_stay_until_the_next_one_at_most_five_seconds(tmp_path: Path) -> None:
    lines = [(12.0, "Subtitle: (Ann:)There."), (1.0, "Subtitle: (Bob:)Where?"), (3.0, "Subtitle: Here."), (3.0, "And."),
             (28.0, "Last."), (31.0, "After the end."), (29.0, "Subtitle: ")]  # fmt: skip
    talk = [
        {"role": "user", "time": 0, "content": "Q?"},
        *({"role": "user", "time": t, "content": c} for t, c in lines),
    ]
    folder(tmp_path, "TV", [row("s=1%Q0", conversation=talk)])
    assert load(tmp_path).items[0].parts[0].subtitles == (
        Subtitle(1.0, 3.0, "(Bob:)Where?"),
        Subtitle(3.0, 8.0, "Here."),
        Subtitle(3.0, 8.0, "And."),
        Subtitle(12.0, 17.0, "(Ann:)There."),
        Subtitle(28.0, 29.0, "Last."),
    )
    assert load(tmp_path).items[0].truth["question"] == "Q?"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (3, "no JSON object"),
        (row("b", conversation=[]), "conversation is missing"),
        (row("b", conversation=["x"]), "conversation is missing"),
        (row("b", conversation=[{"content": " "}]), "the question is missing"),
        (row("b", conversation=[{"content": "Q"}, {"time": 1}]), "subtitle has no text"),
        (row("b", conversation=[{"content": "Q"}, {"content": "x", "time": -1}]), "time of a subtitle is -1"),
        (row("b", answer=[]), "answer is missing"),
        (row("b", answer=[1]), "answer 0 is no JSON object"),
        (row("b", answer=[{"content": "A", "reply_timespan": [1, 2]}]), "related_timespan of answer 0 is not"),
        (row("b", answer=[{"content": "A", "related_timespan": [3, 2], "reply_timespan": [1, 2]}]), "goes backwards"),
        (row("b", answer=[{"content": "A", "related_timespan": [1, 2], "reply_timespan": [2, 2]}]), "has no length"),
        (
            row("b", answer=[{"content": "", "related_timespan": [1, 2], "reply_timespan": [1, 2]}]),
            "answer 0 is missing",
        ),
        (row("b", duration=0), "duration is 0"),
        (row("b", duration="30"), "duration is '30'"),
        (row("b", duration=True), "duration is True"),
        (row("b", question_id=7), "question_id is missing"),
        (row("a"), "stands there twice"),
    ],
)
def test_a_row_that_cannot_be_used_is_set_aside(tmp_path: Path, wrong: Any, why: str) -> None:
    folder(tmp_path, "WEB", [row("a"), wrong], ("a.mp4", "b.mp4"))
    found = load(tmp_path)
    assert len(found.items) == 1
    assert why in found.quarantined[0].why
    assert found.quarantined[0].kind == "damaged"


def test_a_row_without_its_video_is_missing(tmp_path: Path) -> None:
    folder(tmp_path, "WEB", [row("a"), row("b")], ("a.mp4",))
    found = load(tmp_path)
    assert [(q.row, q.why, q.kind) for q in found.quarantined] == [("WEB/b", "b.mp4 is not in videos/", "missing")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "is not JSON"),
        ("{}", "holds no list"),
        ("[]", "empty lists"),
        ("[3]", "The first"),
    ],
)
def test_a_file_without_anything_usable_is_an_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "WEB").mkdir()
    (tmp_path / "WEB" / "anno.json").write_text(content)
    with pytest.raises(AppError, match=message):
        load(tmp_path)


def test_an_empty_folder_says_what_is_expected_where(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"None of WEB/anno\.json, .*yellow-binary-tree"):
        load(tmp_path)


def test_a_file_that_cannot_be_opened_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, "WEB", [row("a")])
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(AppError, match="Permission denied"):
        load(tmp_path)


def test_compound_ids_are_split_from_the_right() -> None:
    assert labels.split_id("show_frames=a.mp4%Q=0=3=4.25") == ("show_frames=a.mp4%Q=0", 3, 4.25)
    for wrong in ("a", "a=b=c", "a=1"):
        with pytest.raises(AppError, match="names no reply"):
            labels.split_id(wrong)


def test_only_the_assistants_replies_of_a_prediction_count(tmp_path: Path) -> None:
    replies = [{"time": 1, "content": "Hm", "role": "user"}, {"time": 2.5, "content": "A mug."}]
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps({"question_id": "a", "model_response_list": replies}) + "\n\n")
    assert labels.read_predictions(file) == {"a": (Said(2.5, "A mug."),)}


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "{}", '{"question_id": "a", "model_response_list": [{"time": NaN, "content": "x"}]}',
     '{"question_id": "a", "model_response_list": [{"content": "x"}]}'],
)  # fmt: skip
def test_a_line_that_is_no_prediction_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "p.jsonl").write_text("\n" + line)
    with pytest.raises(AppError, match="Line 2 of"):
        labels.read_predictions(tmp_path / "p.jsonl")


def test_prediction_files_that_cannot_be_read_or_written_are_errors(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_bytes(b"\xff\xfe\xfa")
    for path in (tmp_path / "p.jsonl", tmp_path / "absent.jsonl"):
        with pytest.raises(AppError, match="cannot be read"):
            labels.read_predictions(path)
    with pytest.raises(AppError, match="could not be written"):
        labels.write_predictions(tmp_path / "p.jsonl" / "q.jsonl", [])
