"""ProactiveVideoQA: answer a question about a video when the moment comes. All times are video time in seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, ClassVar

from tmlapp.bench.answer import Answer, Utterance, utterances_of
from tmlapp.bench.data import Loaded, Part, SuiteItem, Tail
from tmlapp.bench.judges.base import Judge, JudgePrompt, Question
from tmlapp.bench.judges.prompt_files import with_own_text
from tmlapp.bench.labels import proactive_video_qa as labels
from tmlapp.bench.said import Said, in_order, is_time
from tmlapp.bench.suite import (
    Answers,
    Entry,
    Outcome,
    RecordedVerdict,
    Sounds,
    Sources,
    Suite,
    assemble,
    mapped,
    merged_parameters,
    suite,
)
from tmlapp.bench.suites.pauc import heard_in, kept_points
from tmlapp.bench.suites.proactive_figures import (
    ItemResult,
    ItemTruth,
    TurnResult,
    TurnTruth,
    aggregates,
    baselines,
    metrics,
    with_values,
)
from tmlapp.bench.truth import Fields
from tmlapp.core.errors import AppError
from tmlapp.core.grade import Grade, Verdict

INSTRUCTION = Template(
    "Watch the video and stay quiet until a new moment answers the question. When one happens, say a concise answer."
    " $question"
)
KIND = "proactive-video-qa/score"
SILENCE_S = 2.0
TAIL_S = 2.0
PROFILES: dict[str, dict[str, Any]] = {"official": {"omega": 0.5}, "clean": {"omega": 0.5}}
_KNOWN = ("suite", "category", "question_id", "video", "duration", "question", "answer")
_SYSTEM = (
    "You compare a predicted answer to a question about a video with a reference answer, and rate how well it covers"
    " the key points of the reference.\n"
    "3: mostly covered; all key information is there, small slips are allowed.\n"
    "2: partially covered; some of it is right, with considerable gaps or errors.\n"
    "1: incorrect or irrelevant.\n"
    "Reply with the number only."
)
_USER = "Question: $question\nGround Truth Answer: $expected\nPredicted Answer: $candidate"


def parse_score(reply: str) -> int | None:
    """The rating that a reply begins with: 1, 2 or 3; None where it begins with anything else."""
    first = reply.strip()[:1]
    return int(first) if first and first in "123" else None


def judge_prompt(checkout: Path | None = None) -> JudgePrompt:
    """The question to the judge, with the text of the user's copy of the official repository where there is one.

    Raises:
        AppError: the copy has no such text.
    """
    system, source = _SYSTEM, "ours"
    if checkout is not None:
        # Dollars would be taken for fields of ours.
        system, source = labels.official_prompt(checkout).replace("$", "$$"), f"{checkout.name}/{labels.SCORER}"
    # No rules: a program can tell right from wrong, but not how much of a reference is covered.
    return JudgePrompt(kind=KIND, system=system, user=_USER, parse=parse_score, model="gpt-4.1", source=source)


def parse_truth(raw: Mapping[str, Any]) -> ItemTruth:
    """The truth of one question.

    Raises:
        AppError: a member is missing or malformed, or a span has no length.
    """
    fields = Fields(raw, "proactive-video-qa", _KNOWN)
    category = fields.text("category")
    if category not in labels.CATEGORIES:
        raise fields.error(f"category is {category!r}, not one of {', '.join(labels.CATEGORIES)}")
    listed = raw.get("answer")
    if not isinstance(listed, list | tuple) or not listed or not all(isinstance(one, Mapping) for one in listed):
        raise fields.error("answer is not a list of answers")
    return ItemTruth(
        category=category,
        question_id=fields.text("question_id"),
        question=fields.text("question"),
        duration_s=fields.number("duration", above=0),
        turns=tuple(_turn(one) for one in listed),
    )


def _turn(raw: Mapping[str, Any]) -> TurnTruth:
    fields = Fields(raw, "proactive-video-qa", ("content", "related_timespan", "reply_timespan", "role"))
    spans = []
    for key in ("related_timespan", "reply_timespan"):
        span = fields.numbers(key) if fields.has(key) else ()
        if len(span) != 2:
            raise fields.error(f"{key} is not [start, end]")
        spans.append((span[0], span[1]))
    if spans[1][0] == spans[1][1]:
        raise fields.error(f"reply_timespan {list(spans[1])} has no length")
    return TurnTruth(fields.text("content"), *spans)


@suite("proactive-video-qa")
class ProactiveVideoQA(Suite):
    """PAUC at omega 0.5 in percent, the mean of the four categories."""

    suite_name: ClassVar[str] = "proactive-video-qa"
    title: ClassVar[str] = "ProactiveVideoQA"
    profiles: ClassVar[tuple[str, ...]] = tuple(PROFILES)
    length_members: ClassVar[tuple[str, ...]] = ("duration",)
    where: ClassVar[str] = (
        "The dataset of yellow-binary-tree/ProactiveVideoQA: WEB, EGO, TV and VAD, each with anno.json and videos/. "
        "No licence is stated; the footage is of Shot2Story, Ego4D, TVQA and UCF-Crime."
    )
    options: ClassVar[Mapping[str, Any]] = {"categories": ",".join(labels.CATEGORIES)}

    def load(self, folder: Path, options: Mapping[str, Any]) -> Loaded:
        chosen = merged_parameters(self.suite_name, "load", {"load": self.options}, options)["categories"]
        categories = [c.strip().upper() for c in chosen.split(",") if c.strip()]
        if not categories or any(c not in labels.CATEGORIES for c in categories):
            raise AppError(
                f"The categories cannot be {chosen!r}.",
                "There are four.",
                f"Name some of {self.options['categories']}.",
            )
        found = labels.read_questions(folder, categories, self.where)
        items = tuple(
            SuiteItem(
                id=f"{row.truth['category']}/{row.truth['question_id']}",
                truth=row.truth,
                parts=(_part(row),),
                group=row.truth["category"],
            )
            for row in found.rows
        )
        absent = [c for c in categories if f"{c}/anno.json" not in found.files]
        return Loaded(
            items=items,
            quarantined=found.quarantined,
            expected=sum(labels.ITEMS[c] for c in dict.fromkeys(categories)),
            notes=(f"{', '.join(absent)} is not there: the headline needs all four categories.",) if absent else (),
            files=found.files,
        )

    def grade(self, entries: Sequence[Entry], *, profile: str, params: Mapping[str, Any], sources: Sources) -> Grade:
        parameters = merged_parameters(self.suite_name, profile, PROFILES, params)
        omega = float(parameters["omega"])
        if omega > 1:
            raise AppError(f"Omega cannot be {omega:g}.", "It is a share.", "Give a number from 0 to 1.")
        prompt = judge_prompt(sources.folders.get("proactive_checkout"))
        prompt = with_own_text(prompt, sources.folders, ("question", "expected", "candidate"))
        # All of them before the first question, which may cost money.
        truths = {id(entry): parse_truth(entry.truth) for entry in entries}
        graded = mapped(
            lambda entry: _grade_item(entry, truths[id(entry)], prompt, sources.judge, omega), entries, sources.judge
        )
        results, clean = [result for _, result in graded], profile == "clean"
        return assemble(
            suite_name=self.suite_name,
            metric=f"PAUC@{omega:g}, %",
            formula="proactive-video-qa/pauc@1",
            profile=profile,
            parameters=parameters,
            outcomes=with_values([outcome for outcome, _ in graded], results, omega),
            baselines=baselines(results, omega),
            aggregates=aggregates(results, without_ungraded=clean),
            sources=sources,
            metrics=metrics(results, omega, without_ungraded=clean),
        )

    def write_official(
        self,
        folder: Path,
        items: Sequence[SuiteItem],
        answers: Answers,
        sounds: Sounds,  # noqa: ARG002 - the official scorer reads texts alone
    ) -> list[Path]:
        rows: dict[str, list[tuple[str, list[tuple[float, str]]]]] = {}
        for item in items:
            answer = answers.get(item.id, {}).get(item.parts[0].name)
            if answer is not None:
                replies = [(u.t0_s, u.text) for u in _utterances(answer)]
                rows.setdefault(item.truth["category"], []).append((item.truth["question_id"], replies))
        return [labels.write_predictions(folder / f"{category}.jsonl", listed) for category, listed in rows.items()]

    def read_official(self, folder: Path, items: Sequence[SuiteItem]) -> dict[str, dict[str, Answer]]:
        files = {c: folder / f"{c}.jsonl" for c in labels.CATEGORIES if (folder / f"{c}.jsonl").is_file()}
        if not files:
            raise AppError(
                f"There are no predictions in {folder}.",
                "It holds none of " + ", ".join(f"{c}.jsonl" for c in labels.CATEGORIES) + ".",
                "Name the prediction file of each category so.",
            )
        said = {category: labels.read_predictions(file) for category, file in files.items()}
        found = {}
        for item in items:
            replies = said.get(item.truth["category"], {}).get(item.truth["question_id"])
            if replies is not None:
                answer = Answer.of_said(replies, text_source="recorded", timing_source="recorded")
                found[item.id] = {item.parts[0].name: answer}
        return found

    def recorded_verdicts(self, folder: Path, items: Sequence[SuiteItem]) -> list[RecordedVerdict]:
        """Verdicts in `*.jsonl` files, by the official compound id.

        Questions of one id in two categories are told apart by the file's name, which then begins with the category
        (`WEB_judge.jsonl`).
        """
        by_name: dict[str, list[SuiteItem]] = {}
        for item in items:
            by_name.setdefault(item.truth["question_id"], []).append(item)
        found = []
        for file in sorted(folder.glob("*.jsonl")):
            seen: Counter[tuple[str, int, float]] = Counter()
            for compound, reply in labels.read_judged(file):
                name, turn, t = labels.split_id(compound)
                meant = by_name.get(name, [])
                if len(meant) > 1:
                    meant = [item for item in meant if file.name.upper().startswith(item.truth["category"])]
                for item in meant:
                    key = _key(turn, t, seen[item.id, turn, t])
                    seen[item.id, turn, t] += 1
                    found.append(RecordedVerdict(kind=KIND, item=item.id, key=key, reply=reply))
        return found


def _key(turn: int, t: float, earlier: int) -> str:
    """The official name of a reply inside its question; two of one instant would share it."""
    return f"{turn}={float(t)}" + (f"#{earlier + 1}" if earlier else "")


def _part(row: labels.Question) -> Part:
    return Part(
        instruction=INSTRUCTION.substitute(question=row.truth["question"]),
        silence_s=SILENCE_S,
        video=str(row.video),
        muted=True,
        subtitles=row.subtitles,
        tail=Tail(least_s=TAIL_S),
    )


def _utterances(answer: Answer) -> Sequence[Utterance]:
    """One reply per utterance; where only words are known, a reply ends with 0.8 s of silence."""
    return answer.utterances or utterances_of(answer.words)


def _grade_item(
    entry: Entry, truth: ItemTruth, prompt: JudgePrompt, judge: Judge, omega: float
) -> tuple[Outcome, ItemResult]:
    answer = None if entry.failure else entry.answer
    uttered = () if answer is None else _utterances(answer)
    # Texts as they stand: the official scorer skips a sentence only if it is exactly an earlier one.
    all_said = in_order(Said(u.t0_s, u.text) for u in uttered if u.text.strip())
    # The acknowledgement of the instruction comes before the video, and answers nothing.
    said = [one for one in all_said if one.t_s >= 0]
    judged = [
        _rate_turn(entry.item, i, turn, truth.question, said, prompt, judge) for i, turn in enumerate(truth.turns)
    ]
    outside = said
    for turn in truth.turns:
        outside = [one for one in outside if not turn.reply[0] <= one.t_s <= turn.reply[1]]
    result = ItemResult(
        truth=truth,
        turns=tuple(turn for turn, _ in judged),
        missing=answer is None,
        n_outside=len(outside),
        n_early=len(all_said) - len(said),
    )
    ends = {(u.t0_s, u.text): u.t1_s for u in uttered if u.t1_s is not None and is_time(u.t1_s)}
    values = result.values(omega)
    verdict = Verdict(
        item=entry.item,
        score=sum(values) / len(values),
        passed=None,
        graded_text=tuple((one.t_s, one.text) for one in said),
        why=_why(result, values),
        details={
            "question": truth.question,
            "turns": [
                _turn_details(turn, rulings, value) for (turn, rulings), value in zip(judged, values, strict=True)
            ],
            "ends_s": [ends.get((one.t_s, one.text)) for one in said],
            "n_outside": result.n_outside,
            "n_before_the_video": result.n_early,
        },
        group=truth.category,
    )
    n_ungraded = sum(turn.ungraded for turn in result.turns)
    silent = answer is not None and not said
    return Outcome(verdict=verdict, silent=silent, missing=result.missing, ungraded=n_ungraded > 0), result


def _why(result: ItemResult, values: Sequence[float]) -> str:
    if result.missing:
        return "fails: the item was not run"
    ungraded = sum(turn.ungraded for turn in result.turns)
    why = f"{sum(values) / len(values):.2f}: the mean of its turns ({', '.join(f'{value:.2f}' for value in values)})"
    return f"{why}; ungraded replies: {ungraded}" if ungraded else why


def _turn_details(turn: TurnResult, rulings: list[dict[str, Any]], value: float) -> dict[str, Any]:
    return {
        "answer": turn.truth.answer, "related_timespan": turn.truth.related, "reply_timespan": turn.truth.reply,
        "pauc": value, "points": turn.points, "duplicates": turn.heard.duplicates, "judged": rulings,
    }  # fmt: skip


def _rate_turn(
    item: str, number: int, turn: TurnTruth, question: str, said: Sequence[Said], prompt: JudgePrompt, judge: Judge
) -> tuple[TurnResult, list[dict[str, Any]]]:
    heard = heard_in(said, turn.reply)
    rated: list[tuple[float, int | None]] = []
    rulings = []
    for one in heard.asked:
        key = _key(number, one.t_s, sum(t == one.t_s for t, _ in rated))
        fields = {"question": question, "expected": turn.answer, "candidate": one.text}
        ruling = judge.ask(Question(prompt=prompt, item=item, key=key, fields=fields))
        value = ruling.value
        points = value - 1 if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 3 else None
        rated.append((one.t_s, points))
        rulings.append({"key": key, "candidate": one.text, "points": points, "why": ruling.why})
    kept = kept_points(rated, turn.related[1])
    return TurnResult(truth=turn, heard=heard, rated=tuple(rated), points=kept), rulings
