"""What happens in each step of each shipped checklist: with a model that behaves, and with one that does not."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.bench.qa_parts import Model

Span = tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """Seconds from the start of the step.

    `user` speaks, `markers` are set, the model says `good` or `bad`; at `cut` the good one drops what it has not said.
    """

    length: float
    good: tuple[Model, ...] = ()
    bad: tuple[Model, ...] = ()
    user: tuple[Span, ...] = ()
    markers: tuple[float, ...] = ()
    cut: tuple[float, ...] = field(default=())


def counted(*times: float, first: int = 1) -> tuple[Model, ...]:
    words = ["one", "two", "three", "four", "five", "six", "seven"]
    return tuple((t, words[first - 1 + i], 0.4) for i, t in enumerate(times))


SCENES: dict[str, dict[str, Scene]] = {
    "interruption": {
        "long-answer": Scene(15, ((4, "Flour, water, salt", 9.0),), ((8, "Flour", 4.0),), user=((1, 3),)),
        "cut-in": Scene(16, ((1, "And then", 10.0),), ((1, "And then", 10.0),), ((5, 6.5),), cut=(5.9,)),
        "new-question": Scene(
            20,
            ((2, "There was a bakery", 8.0), (9, "There are sixty minutes", 2.0)),
            ((2, "There was a bakery", 14.0),),
            user=((0.4, 1.6), (5, 7.5)),
            cut=(6,),
        ),
    },
    "backchannel": {
        "mhm-while-it-speaks": Scene(14, ((3, "Wheels", 9.0),), ((3, "Wheels", 2.7),), user=((0.5, 2), (5, 5.5))),
        "right-while-it-speaks": Scene(14, ((3, "Light", 9.0),), ((3, "Light", 2.7),), user=((0.5, 2), (5, 5.5))),
        "your-story": Scene(24, ((8, "mhm", 0.4),), ((6, "That reminds me of my", 6.0),), user=((1, 20),)),
    },
    "background-speech": {
        "radio-alone": Scene(16, (), ((5, "Yes, I agree", 1.5),), user=((1, 14),)),
        "question-over-radio": Scene(10, ((4.5, "Seven", 0.6),), ((4.5, "The chancellor", 1.5),), ((1, 3.2),), (3.4,)),
        "radio-while-it-speaks": Scene(14, ((3, "Ships", 8.0),), ((3, "Ships", 3.0),), ((0.5, 2), (5, 9)), (5,)),
    },
    "talking-to-others": {
        "ask-first": Scene(8, ((3.5, "It is yellow.", 1.0),), ((3.5, "It is blue.", 1.0),), user=((1, 3),)),
        "turn-away": Scene(10, (), ((4.5, "Look in the kitchen", 1.5),), user=((1, 4),)),
        "come-back": Scene(9, ((4.5, "That is four.", 1.0),), ((4.5, "Your keys, four", 1.0),), user=((1, 4),)),
    },
    "long-silence": {
        "thirty-seconds": Scene(31, (), ((20, "Are you still there?", 1.5),)),
        "first-word": Scene(8, ((3.2, "Yes, I am.", 1.0),), (), user=((1, 2.6),)),
        "thinking-pause": Scene(
            12, ((7.5, "384,000 kilometres", 2.0),), ((2.6, "What do you want?", 3.0),), user=((1, 2.2), (4.4, 6.8))
        ),
    },
    "counting": {
        "before-the-first": Scene(9, (), counted(4.0)),
        "five-squats": Scene(14, counted(2, 4, 6, 8, 10), counted(2, 4, 6, 10)),
        "rest": Scene(10, (), counted(5.0, first=6)),
        "goes-on": Scene(6, counted(2.5, first=6), counted(2.5, first=5)),
    },
    "start-stop": {
        "nothing-yet": Scene(9, (), ((3, "start", 0.4),)),
        "begins": Scene(9, ((3, "start", 0.4),), ((6, "start", 0.4),), markers=(2,)),
        "ends": Scene(9, ((3, "stop", 0.4),), ((3, "start", 0.4),), markers=(2,)),
    },
    "reminders": {
        "every-four-seconds": Scene(
            22, tuple((4.0 * k, "breathe", 0.6) for k in range(1, 6)), ((4, "breathe", 0.6), (10, "breathe", 0.6))
        ),
        "enough": Scene(13, ((0.6, "Okay", 0.5),), ((8, "breathe", 0.6),)),
        "once-after-ten": Scene(20, ((10.2, "Time to drink", 0.8),), ((18, "Time to drink", 0.8),)),
    },
    "stop-on-request": {
        "be-quiet": Scene(
            24, ((3, "Once upon a", 12.0),), ((3, "Once upon a", 19.0),), ((0.5, 2), (7, 8.4)), (8.6,), cut=(8,)
        ),
        "stays-quiet": Scene(16, (), ((9, "By the way", 1.0),)),
        "speak-again": Scene(9, ((4, "Tuesday comes next.", 1.0),), ((8.5, "Sunday", 0.4),), user=((1, 3.2),)),
    },
    "camera-covered": {
        "sees": Scene(10, counted(2, 4, 6), counted(2, 4)),
        "covered": Scene(9, ((3, "I cannot see you any more", 1.5),), ((3, "one", 0.4), (5, "well done", 0.6))),
        "sees-again": Scene(9, counted(2, 4, first=4), counted(2)),
    },
}  # fmt: skip
