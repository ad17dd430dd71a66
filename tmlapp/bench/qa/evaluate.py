"""The outcome of an automatic check: a pure function of the facts and of the step's stretch of time."""

from __future__ import annotations

from tmlapp.bench.qa import rules_said, rules_time
from tmlapp.bench.qa.checks import Check, NoError, NoGap, ReplyLatency
from tmlapp.bench.qa.checks_said import CountReaches, CueComes, NeverSays, Says, SaysNumber
from tmlapp.bench.qa.checks_time import (
    KeepsSpeaking,
    RepeatsEvery,
    SilentWhileUserSpeaks,
    SpeaksAtMost,
    SpeaksWithin,
    StaysSilent,
    StopsWithin,
)
from tmlapp.bench.qa.facts import Facts
from tmlapp.bench.qa.outcome import Outcome, Stretch


def outcome_of(check: Check, facts: Facts, step: Stretch) -> Outcome:
    """What `check` finds in `facts` over `step`."""
    match check:
        case SpeaksWithin():
            return rules_time.speaks_within(check, facts, step)
        case StaysSilent():
            return rules_time.stays_silent(check, facts, step)
        case StopsWithin():
            return rules_time.stops_within(check, facts, step)
        case KeepsSpeaking():
            return rules_time.keeps_speaking(check, facts, step)
        case RepeatsEvery():
            return rules_time.repeats_every(check, facts, step)
        case SilentWhileUserSpeaks():
            return rules_time.silent_while_user_speaks(check, facts, step)
        case SpeaksAtMost():
            return rules_time.speaks_at_most(check, facts, step)
        case Says():
            return rules_said.says(check, facts, step)
        case NeverSays():
            return rules_said.never_says(check, facts, step)
        case SaysNumber():
            return rules_said.says_number(check, facts, step)
        case CountReaches():
            return rules_said.count_reaches(check, facts, step)
        case CueComes():
            return rules_said.cue_comes(check, facts, step)
        case ReplyLatency():
            return rules_said.reply_latency(check, facts, step)
        case NoGap():
            return rules_said.no_gap(check, facts, step)
        case NoError():
            return rules_said.no_error(check, facts, step)
