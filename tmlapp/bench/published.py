"""What has been published, printed beside our own numbers.

Source: "Interaction Models: A Scalable Approach to Human-AI Collaboration", Thinking Machines Lab, 11 May 2026,
DOI 10.64434/tml.20260511, its tables. Numbers are facts; only the values are taken over.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "Thinking Machines Lab, 11 May 2026, DOI 10.64434/tml.20260511"


@dataclass(frozen=True, slots=True)
class Published:
    """One published value of a metric; `starred`: a background agent took part."""

    system: str
    metric: str
    value: float
    starred: bool = False


_SYSTEMS = (
    "TML-Interaction-Small",
    "GPT-realtime-2.0 (minimal)",
    "GPT-realtime-1.5",
    "Gemini-3.1-flash-live (minimal)",
    "Qwen3.5-Omni-plus-realtime",
    "GPT-realtime-2.0 (xhigh)",
    "Gemini-3.1-flash-live (high)",
)

# suite -> metric -> values in the order of _SYSTEMS; a string ending in * took a background agent.
_TABLE: dict[str, dict[str, tuple[float | str | None, ...]]] = {
    "fdb-v1": {"latency_s": (0.40, 1.18, 0.59, 0.57, 2.14, 1.63, 0.94)},
    "fdb-v1.5": {"average": (77.8, 46.8, 48.3, 54.3, 39.0, 47.8, 45.5)},
    "fdb-v3": {
        "response_quality": ("82.8*", 80.0, 77.9, 68.5, 60.0, 81.0, 71.4),
        "pass_at_1": ("68.0*", 52.0, 55.0, 48.0, 50.0, 58.0, 48.0),
    },
    "audio-multichallenge": {"apr": (43.4, 37.6, 34.7, 26.8, None, 48.5, 36.1)},
    "bigbench-audio": {"accuracy": (75.7, 71.8, 81.4, 71.3, 73.0, 96.6, 96.6)},
    "ifeval-voice": {"final": (82.1, 81.7, 68.1, 67.6, 80.3, 83.2, 82.8)},
    "ifeval": {"final": (89.7, 89.6, 87.5, 85.8, 83.4, 95.2, 90.0)},
    "harmbench": {"refusal_1_minus_asr": (99.0, 99.5, 100.0, 99.0, 99.5, 100.0, 98.0)},
    "qivd": {"accuracy": (54.0, 57.5, 41.2, 54.7, 59.0, 58.2, 56.1)},
    "timespeak": {"accuracy": (64.7, 4.3)},
    "cuespeak": {"accuracy": (81.7, 2.9)},
    "repcount-a": {"obo": (35.4, 1.3)},
    "proactive-video-qa": {"pauc": (33.5, 25.0)},
    "charades": {"miou": (32.4, 0.0)},
}
_FURTHER = {"bigbench-audio": (Published("TML-Interaction-Small", "accuracy", 96.5, starred=True),)}


def published(suite: str) -> tuple[Published, ...]:
    """Every published value of a suite, the systems in the order of the tables."""
    found = []
    for metric, values in _TABLE.get(suite, {}).items():
        for system, value in zip(_SYSTEMS, values, strict=False):
            if value is not None:
                starred = isinstance(value, str)
                found.append(Published(system, metric, float(str(value).rstrip("*")), starred))
    return (*found, *_FURTHER.get(suite, ()))
