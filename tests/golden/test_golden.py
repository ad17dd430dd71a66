from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.golden.__main__ import main
from tests.golden.checks import all_kinds, same

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("benchmark", "name"), list(all_kinds()))
def test_our_graders_give_what_the_golden_file_expects(
    shared_data: Path, capsys: pytest.CaptureFixture[str], benchmark: str, name: str
) -> None:
    assert main([str(shared_data / "bench" / benchmark / "golden" / name)]) == 0
    assert capsys.readouterr().out.endswith(" passed, 0 failed\n")


def golden(folder: Path, kind: str, value: Any) -> str:
    path = folder / kind
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


CASES = {"cases": [{"text": "two", "numbers": [2]}, {"text": "no one", "numbers": []}]}


def test_a_mismatch_is_one_line_and_status_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = golden(tmp_path, "repcount-a/golden/number_parser.json", CASES)
    assert main([name]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{name}: 'no one': expected [], got [1]",
        "1 passed, 1 failed",
    ]


def test_parameters_of_a_file_are_honoured(tmp_path: Path) -> None:
    assert main([golden(tmp_path, "repcount-a/golden/number_parser.json", CASES | {"params": {"idioms": True}})]) == 0
    vector = {
        "clip": "a", "case": "b", "n": 3, "t_penultimate_end": 1.0, "t_end": 2.0, "said": [[1.0, "two"]],
        "expect": {"last_number": None, "pass": False},
    }  # fmt: skip
    value = {"params": {"bounds": "strict"}, "vectors": [vector]}
    assert main([golden(tmp_path, "repcount-a/golden/online.json", value)]) == 0
    assert main([golden(tmp_path, "repcount-a/golden/online.json", {"vectors": [vector]})]) == 1


def test_an_unknown_figure_in_a_file_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    value = {"items": [{"ref": [1, 2], "pred": None}], "expect": {"beauty": 1.0, "n": 1, "R@0.3": 0.0}}
    assert main([golden(tmp_path, "charades/golden/iou.json", value)]) == 1
    assert "no such figure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("juggling/golden/number_parser.json", {}, "not supported yet"),
        ("repcount-a/golden/other.json", {}, "not supported yet"),
        ("repcount-a/number_parser.json", {}, "not supported yet"),
        ("repcount-a/golden/number_parser.json", "{", "no golden file of its kind"),
        ("repcount-a/golden/number_parser.json", {"cases": [{}]}, "no golden file of its kind"),
        ("repcount-a/golden/number_parser.json", [], "no golden file of its kind"),
        ("repcount-a/golden/number_parser.json", {"cases": []}, "asks nothing"),
    ],
)
def test_a_file_that_cannot_be_checked_is_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, value: Any, message: str
) -> None:
    fine = golden(tmp_path, "x/repcount-a/golden/number_parser.json", {"cases": CASES["cases"][:1]})
    assert main([golden(tmp_path, kind, value), fine]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == "1 passed, 0 failed, 1 files could not be checked\n"


def test_a_missing_file_is_status_2(tmp_path: Path) -> None:
    assert main([str(tmp_path / "repcount-a/golden/number_parser.json")]) == 2


def test_without_files_it_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["--help"]) == 0
    assert "python -m tests.golden FILE" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("expected", "actual", "equal"),
    [
        (1, 1.0 + 1e-10, True),
        (1, 1.1, False),
        (True, 1, False),
        (None, 0, False),
        (None, None, True),
        ([1, [2]], ((1.0, (2.0,))), True),
        ([1], [1, 2], False),
        ("a", "a", True),
        ("1", 1, False),
    ],
)
def test_values_are_the_same_within_the_tolerance(expected: Any, actual: Any, equal: bool) -> None:
    assert same(expected, actual, 1e-9) is equal
