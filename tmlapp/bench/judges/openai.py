"""A judge behind any OpenAI-compatible chat endpoint."""

from __future__ import annotations

import threading
from typing import Any

from tmlapp.bench.judges.base import TRIES, JudgePrompt, Question, Ruling, read_reply
from tmlapp.bench.judges.chat import ChatClient, ChatReply, Ungraded


class OpenAIJudge:
    """Asks a model; a reply that cannot be read is asked for again, with another seed where the prompt says so."""

    def __init__(self, client: ChatClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kinds: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def name(self) -> str:
        """Model and host."""
        return f"openai:{self._client.model}@{self._client.host}"

    @property
    def parallel(self) -> int:
        """As the limits say."""
        return self._client.limits.parallel

    def ask(self, question: Question) -> Ruling:
        """Rule on one question."""
        prompt = question.prompt
        messages: list[dict[str, Any]] = list(prompt.messages(question.fields))
        replies: list[str] = []
        details: dict[str, Any] = {"prompt_sha256": prompt.sha256, "temperature": prompt.temperature}
        if not messages:
            why = "there is no text to ask with: name the folder of the benchmark's own prompts (docs/benchmarks.md)"
            return self._ungraded(prompt, why, replies, details)
        for attempt in range(TRIES):
            seed = None if prompt.seed is None else prompt.seed + attempt * prompt.seed_step
            try:
                reply = self._client.complete(
                    messages, temperature=prompt.temperature, seed=seed, max_tokens=prompt.max_tokens
                )
            except Ungraded as e:
                return self._ungraded(prompt, str(e), replies, details)
            replies.append(reply.text)
            details = self._counted(prompt, reply, details | {"seed": seed})
            value = read_reply(prompt, reply.text)
            if value is not None:
                self._add(prompt, questions=1)
                return Ruling(value=value, judge=self.name, replies=tuple(replies), details=details)
        return self._ungraded(prompt, f"no reply of {TRIES} could be read", replies, details)

    def provenance(self) -> tuple[dict[str, Any], ...]:
        """Per kind: prompt, parameters as sent and as refused, models as they name themselves, calls, tokens."""
        with self._lock:
            left_out = {"refused_parameters": self._client.left_out} if self._client.left_out else {}
            return tuple(entry | {"models": sorted(entry["models"])} | left_out for entry in self._kinds.values())

    def close(self) -> None:
        """End waits: what is still to be asked stays ungraded."""
        self._client.close()

    def _ungraded(self, prompt: JudgePrompt, why: str, replies: list[str], details: dict[str, Any]) -> Ruling:
        self._add(prompt, questions=1, ungraded=1)
        return Ruling(value=None, judge=self.name, why=why, replies=tuple(replies), details=details)

    def _counted(self, prompt: JudgePrompt, reply: ChatReply, details: dict[str, Any]) -> dict[str, Any]:
        self._add(
            prompt,
            model=reply.model,
            calls=1,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            calls_with_estimated_tokens=int(reply.tokens_estimated),
        )
        return details | {
            "model": reply.model,
            "finish_reason": reply.finish_reason,
            "prompt_tokens": details.get("prompt_tokens", 0) + reply.prompt_tokens,
            "completion_tokens": details.get("completion_tokens", 0) + reply.completion_tokens,
        }

    def _add(self, prompt: JudgePrompt, *, model: str = "", **counts: int) -> None:
        with self._lock:
            entry = self._kinds.setdefault((prompt.kind, prompt.sha256), _entry(self.name, prompt))
            for name, count in counts.items():
                entry[name] += count
            if model:
                entry["models"].add(model)


def _entry(judge: str, prompt: JudgePrompt) -> dict[str, Any]:
    return {
        "judge": judge,
        "kind": prompt.kind,
        "prompt_sha256": prompt.sha256,
        "prompt_source": prompt.source,
        "official_model": prompt.model,
        "models": set(),
        "temperature": prompt.temperature,
        "seed": prompt.seed,
        "seed_step": prompt.seed_step,
        "max_tokens": prompt.max_tokens,
        "questions": 0,
        "ungraded": 0,
        "calls": 0,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "calls_with_estimated_tokens": 0,
    }
