"""What the model listens for: every sentence that its grammars can give is one that it understands."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from models.tiny.train.grammars import OTHERS, describe, grammars
from tests.conftest import ROOT
from tmlapp.endpoints.onnx_errors import OnnxContractError
from tmlapp.endpoints.onnx_manifest import read_manifest
from tmlapp.endpoints.onnx_tasks import TaskReader

pytestmark = pytest.mark.unit
TINY = ROOT / "models" / "tiny"
TASKS = {
    "remind": {"every_n_seconds"},
    "later": {"once_after_n", "timer"},
    "timer": {"timer"},
    "to": {"count_to", "count_down"},
    "count": {"count_reps"},
    "watch": {"start_stop"},
    "stop": {"none"},
}


@pytest.fixture(scope="module")
def reader() -> TaskReader:
    return TaskReader(read_manifest(TINY))


class Sentences:
    """Draws from a grammar; all alternatives of a rule are equally likely."""

    def __init__(self, text: str, seed: int) -> None:
        self._rules = {m[1]: m[2] for m in re.finditer(r"(?:public )?<(\w+)> = (.*);", text)}
        self._random = random.Random(seed)

    def draw(self, rule: str) -> str:
        return " ".join(self._any(re.findall(r"[\w']+|<\w+>|/[\d.]+/|[()\[\]|]", self._rules[rule])))

    def _any(self, tokens: list[str]) -> list[str]:
        depth, options = 0, [[]]  # type: tuple[int, list[list[str]]]
        for token in tokens:
            depth += (token in "([") - (token in ")]")
            if token == "|" and not depth:
                options.append([])
            elif not token.startswith("/"):
                options[-1].append(token)
        return self._all(self._random.choice(options))

    def _all(self, tokens: list[str]) -> list[str]:
        words: list[str] = []
        while tokens:
            first, tokens = tokens[0], tokens[1:]
            if first.startswith("<"):
                words += self.draw(first.strip("<>")).split()
            elif first in "([":
                end = self._end(tokens)
                if first == "(" or self._random.random() < 0.5:
                    words += self._any(tokens[:end])
                tokens = tokens[end + 1 :]
            else:
                words.append(first)
        return words

    @staticmethod
    def _end(tokens: list[str]) -> int:
        depth = 1
        for i, token in enumerate(tokens):
            depth += (token in "([") - (token in ")]")
            if not depth:
                return i
        raise ValueError("a bracket is not closed")


@pytest.mark.parametrize("rule", TASKS)
def test_every_command_is_understood_as_what_it_says(reader: TaskReader, rule: str) -> None:
    sentences = Sentences(grammars()["commands"], seed=7)
    for _ in range(60):
        sentence = sentences.draw(rule)
        task = reader.read(sentence)
        assert task.name in TASKS[rule], sentence
        assert task.name == "none" or any(task.params.values()) or "action" in task.groups or rule == "watch", sentence


@pytest.mark.parametrize(("grammar", "names"), [("stop", {"none", "paused"}), ("paused", {"none", "go_on"})])
def test_every_short_instruction_is_understood(reader: TaskReader, grammar: str, names: set[str]) -> None:
    sentences = Sentences(grammars()[grammar], seed=7)
    assert {reader.read(sentences.draw("instruction")).name for _ in range(60)} == names


def test_other_words_are_no_instructions(reader: TaskReader) -> None:
    for words in OTHERS:
        with pytest.raises(OnnxContractError, match="E_TASK_UNSUPPORTED"):
            reader.read(words)


def test_the_shipped_grammars_are_those_of_the_script(tmp_path: Path) -> None:
    copy = tmp_path / "manifest.json"
    copy.write_bytes((TINY / "manifest.json").read_bytes())
    describe(tmp_path)
    assert copy.read_bytes() == (TINY / "manifest.json").read_bytes()
    for name in grammars():
        file = f"hearing/{name}.gram"
        assert (tmp_path / file).read_bytes() == (TINY / file).read_bytes()
