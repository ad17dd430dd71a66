from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmlapp.core.numbers import number_words, numbers_in

pytestmark = pytest.mark.unit


def values(text: str, *, idioms: bool = False) -> list[int]:
    return [n.value for n in numbers_in(text, idioms=idioms)]


def test_the_golden_texts_give_the_golden_numbers(shared_data: Path) -> None:
    golden = json.loads((shared_data / "bench/repcount-a/golden/number_parser.json").read_text(encoding="utf-8"))
    for case in golden["cases"]:
        assert values(case["text"]) == case["numbers"], case["text"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("7.5", [7, 5]),
        ("10 out of 12", [10, 12]),
        ("3rd", [3]),
        ("1, 2, 3", [1, 2, 3]),
        ("1,2,3,4", [1, 2, 3, 4]),
        ("twenty, one", [20, 1]),
        ("twenty - one", [20, 1]),
        ("twenty -one", [20, 1]),
        ("twenty-", [20]),
        ("twenty-five-six", [25, 6]),
        ("twenty‑one", [21]),
        ("one two three", [1, 2, 3]),
        ("20-one", [20, 1]),
        ("twenty zero", [20, 0]),
        ("twenty ten", [20, 10]),
        ("fourty two", [42]),
        ("TWENTY One", [21]),
        ("one hundred", [100]),
        ("one hundred and", [100]),
        ("one hundred and zero", [100, 0]),
        ("one hundred reps", [100]),
        ("nine hundred ninety-nine", [999]),
        ("one hundred two hundred", [100, 200]),
        ("ninety nine one hundred", [99, 100]),
        ("twenty one hundred", [20, 100]),
        ("zero hundred", [0, 100]),
        ("two-hundred", [2, 100]),
        ("someone tonight done for to too third oneself", []),
        ("one's and one’s", []),
        ("_3_", [3]),
        ("٣", [3]),
        ("0007", [7]),
    ],
)
def test_numbers_are_found_as_people_say_and_write_them(text: str, expected: list[int]) -> None:
    assert values(text) == expected


@pytest.mark.parametrize(
    ("text", "strict", "without_idioms"),
    [
        ("one more to go", [1], []),
        ("last one", [1], []),
        ("another one", [1], []),
        ("no one", [1], []),
        ("number one", [1], [1]),
        ("1 more", [1], [1]),
        ("one", [1], [1]),
        ("twenty one more", [21], [21]),
        ("five, one more", [5, 1], [5]),
    ],
)
def test_idioms_are_dropped_only_when_asked(text: str, strict: list[int], without_idioms: list[int]) -> None:
    assert values(text) == strict
    assert values(text, idioms=True) == without_idioms


def test_a_number_of_thousands_of_digits_is_huge_and_no_error() -> None:
    assert values("9" * 6_000) == [10**18]
    assert values("9" * 18) == [10**18 - 1]


def test_a_number_knows_where_it_stands() -> None:
    found = numbers_in("Rep ninety-nine, go")[0]
    assert "Rep ninety-nine, go"[found.start : found.end] == "ninety-nine"
    assert found.word == 1


@given(st.integers(0, 999))
def test_every_number_in_words_reads_back(value: int) -> None:
    assert values(number_words(value)) == [value]
    assert values(number_words(value).replace("-", " ").upper()) == [value]


@given(st.lists(st.integers(0, 999), max_size=8))
def test_numbers_between_commas_stay_apart(numbers: list[int]) -> None:
    assert values(", ".join(number_words(n) for n in numbers)) == numbers


@given(st.text(max_size=200), st.booleans())
def test_any_text_gives_numbers_in_order_and_offsets_inside_it(text: str, idioms: bool) -> None:
    found = numbers_in(text, idioms=idioms)
    places = [place for n in found for place in (n.start, n.end)]
    assert places == sorted(places)
    assert all(0 <= p <= len(text) for p in places)
    assert all(n.value >= 0 for n in found)


@pytest.mark.parametrize("value", [-1, 1000])
def test_there_are_words_only_below_a_thousand(value: int) -> None:
    with pytest.raises(ValueError, match=f"no words for {value}"):
        number_words(value)
