"""IFEval as in VoiceBench: the same instructions, spoken by a synthetic voice; the text of the answer is graded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from tmlapp.bench.data import Loaded, Part, SuiteItem
from tmlapp.bench.labels import ifeval as labels
from tmlapp.bench.suite import suite
from tmlapp.bench.suites.ifeval import IFEval

N_VOICE = 345


@suite("ifeval-voice")
class IFEvalVoice(IFEval):
    """The mean of the four accuracies in percent, spoken prompts."""

    suite_name: ClassVar[str] = "ifeval-voice"
    title: ClassVar[str] = "IFEval (VoiceBench)"
    where: ClassVar[str] = (
        "The subset ifeval of the dataset hlt-lab/voicebench (Apache-2.0): rows as jsonl or parquet, and the sounds."
    )
    options: ClassVar[Mapping[str, Any]] = {"tail_most_s": 120.0, "unpack": False}
    result_name: ClassVar[str] = "tmlapp-ifeval-test-audio.jsonl"
    strips_marks: ClassVar[bool] = True

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        """The rows whose sound is there.

        Sounds inside a parquet file are written into `audio/` beside it where the option `unpack` is true.
        """
        tail = self._tail(options)
        found = labels.read_rows(folder, self.where, sounds=True, unpack=bool(options.get("unpack", False)))
        items = tuple(
            SuiteItem(id=str(raw["key"]), truth=raw, parts=(Part(sounds=(str(found.sounds[raw["key"]]),), tail=tail),))
            for raw in found.rows
        )
        return Loaded(items=items, quarantined=found.quarantined, expected=N_VOICE, files=found.files)

    def _line(self, raw: Mapping[str, Any], response: str) -> dict[str, Any]:
        return {**{k: raw[k] for k in ("key", "prompt", "instruction_id_list", "kwargs")}, "response": response}
