"""What is said in a check: task phrases with what they mean, ways to say stop, and talk that asks for nothing."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tmlapp.core.errors import AppError

Context = Literal["idle", "running", "paused"]
_CONTEXTS: Mapping[str, Context] = {"": "idle", "idle": "idle", "running": "running", "paused": "paused"}

PHRASES_FILE = "phrases.csv"
"""Beside a speech manifest: replaces the built-in task phrases. Columns text, context, content, numbers."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """An instruction as it is spoken.

    Attributes:
        text: plain words, numbers in words.
        context: what the model does when it is said: nothing, a task, or a task that is paused.
        content: words that have to be heard exactly because the task is about them; empty: none.
        numbers: what the task's parameters have to hold besides zeros, in any order.
    """

    text: str
    context: Context = "idle"
    content: str = ""
    numbers: tuple[float, ...] = field(default=())


TASK_PHRASES: tuple[Phrase, ...] = (
    Phrase("please count out reps for squats", content="squats"),
    Phrase("count my push ups", content="push ups"),
    Phrase("count how many jumping jacks i do", content="jumping jacks"),
    Phrase("count reps of sit ups", content="sit ups"),
    Phrase("say start when the person starts waving then say stop when they stop", content="waving"),
    Phrase("say start when the person starts clapping and say stop when they stop", content="clapping"),
    Phrase("say start when the person starts walking then say stop when they stop", content="walking"),
    Phrase(
        "remind me to breathe in and out every four seconds until i ask you to stop",
        content="breathe in and out",
        numbers=(4,),
    ),
    Phrase("remind me to drink water every fifteen minutes", content="drink water", numbers=(15,)),
    Phrase(
        "remind me to sit up straight every thirty seconds until i ask you to stop",
        content="sit up straight",
        numbers=(30,),
    ),
    Phrase("remind me to stretch every twenty five seconds", content="stretch", numbers=(25,)),
    Phrase("remind me to stand up every forty minutes until i ask you to stop", content="stand up", numbers=(40,)),
    Phrase("in ten seconds tell me to drink", content="drink", numbers=(10,)),
    Phrase("in forty five seconds tell me to stand up", content="stand up", numbers=(45,)),
    Phrase("in two minutes tell me to take a break", content="take a break", numbers=(2,)),
    Phrase("count to twenty every two seconds", numbers=(20, 2)),
    Phrase("count to twelve every three seconds", numbers=(12, 3)),
    Phrase("stop", "running"),
    Phrase("pause", "running"),
    Phrase("go on", "paused"),
)

STOPS: tuple[str, ...] = (
    "stop",
    "please stop",
    "okay stop",
    "stop it",
    "stop now",
    "stop counting",
    "that is enough",
    "you can stop now",
    "be quiet",
    "cancel",
)

EVERYDAY: tuple[str, ...] = (
    "the bus was late again this morning",
    "did you remember to feed the cat",
    "we could have pasta for dinner tonight",
    "my sister moved to a smaller flat last year",
    "the weather is supposed to be nice on sunday",
    "i think the printer is out of paper",
    "she said she would call back after lunch",
    "there is a new bakery on the corner",
    "he plays the guitar in a small band",
    "the train was full so i stood all the way",
    "have you seen my blue jacket anywhere",
    "the meeting was moved to thursday afternoon",
    "i bought some apples and a loaf of bread",
    "the children are playing in the garden",
    "that film was much longer than i expected",
    "could you pass me the salt please",
    "my phone needs a new battery",
    "the old bridge is closed for repairs",
    "we met some friends at the lake",
    "the neighbours are painting their house green",
    "i have never been to scotland in winter",
    "the coffee tastes different today",
    "she is reading a book about whales",
    "the lights in the hall are still on",
    "he forgot his umbrella at the office",
    "there were hardly any people at the museum",
    "i would like to learn how to swim better",
    "the soup needs a little more pepper",
    "our flight leaves early in the morning",
    "the dog barks whenever somebody rings the bell",
    "what did the doctor say about your knee",
    "the window in the kitchen does not close properly",
    "they are building a school next to the park",
    "i found a letter from my grandmother in the attic",
    "the game was cancelled because of the rain",
    "you should try the chocolate cake",
    "the radio played an old song i used to love",
    "my brother works at the hospital on weekends",
    "the grass has grown a lot this week",
    "we ran out of milk yesterday evening",
    "the lecture was about the history of paper",
    "i am looking for a present for my mother",
    "the shop around the corner sells used bicycles",
    "she has a lovely garden full of roses",
    "the road to the village is very narrow",
    "he told me a strange story about a lighthouse",
    "the keys are on the table next to the lamp",
    "we are thinking about a trip to the mountains",
    "the tea is too hot to drink right now",
    "i was surprised how quiet the city was",
    "the cat sleeps on the warm radiator",
    "they have two daughters and a son",
    "the computer made a funny noise and went dark",
    "i usually go for a walk before breakfast",
    "our teacher speaks four languages",
    "the market is open on tuesdays and fridays",
    "it was snowing when we arrived at the cabin",
    "she painted the ceiling a light yellow",
    "the parcel should arrive within a few days",
    "i could not hear what he said because of the wind",
)
"""Sentences of a household; none asks for anything that the model does."""

HARD: tuple[str, ...] = (
    "the bus does not stop here on sundays",
    "we had to stop at the petrol station on the way home",
    "it would not stop raining for the whole week",
    "the last stop is near the harbour",
    "i could not stop laughing when she told me",
    "let us start with the easy questions",
    "the film will start in about twenty minutes",
    "he wants to start a new job in the spring",
    "you can count on me if you need any help",
    "the count of monte cristo is a very long book",
    "every second house in the street has a red door",
    "she reminds me of an old friend from school",
    "do you remember to take your pills every day",
    "wait a second i have to find my glasses",
    "it takes me ten minutes to walk to the station",
    "they went on talking until two in the morning",
    "there was a short pause before the second half",
    "i told him to drink more water in summer",
    "nobody told me to stand up when she came in",
    "that is enough flour for two cakes i suppose",
)
"""Words of instructions in other uses: reported on their own."""


def task_phrases(folder: Path | None) -> tuple[tuple[Phrase, ...], str]:
    """The task phrases of a check, and where they come from.

    Raises:
        AppError: a `phrases.csv` is there and cannot be used.
    """
    path = folder / PHRASES_FILE if folder is not None else None
    if path is None or not path.is_file():
        return TASK_PHRASES, "built in"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        found = tuple(_phrase(row) for row in rows)
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise _unusable(path, str(error)) from error
    if not found:
        raise _unusable(path, "it holds no phrase")
    return found, path.name


def _phrase(row: Mapping[str, str | None]) -> Phrase:
    text = " ".join((row.get("text") or "").lower().split())
    named = (row.get("context") or "").strip()
    context = _CONTEXTS.get(named)
    if not text:
        raise ValueError("a row has no text")
    if context is None:
        raise ValueError(f"“{named}” is no context: idle, running, paused")
    numbers = tuple(float(number) for number in (row.get("numbers") or "").split())
    return Phrase(text, context, " ".join((row.get("content") or "").lower().split()), numbers)


def _unusable(path: Path, why: str) -> AppError:
    return AppError(
        f"The phrases in {path.name} cannot be used.",
        f"{why}.",
        "Give it the columns text, context (idle, running, paused), content and numbers (with spaces between them).",
    )
