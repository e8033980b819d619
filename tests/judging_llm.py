"""A fake language model that answers rerankers' prompts by relevance judgements, or wrongly on purpose.

It reads the question and the passages from the prompt, like a model. Which replies are wrong depends on the prompt
only, so that runs can be repeated with any number of threads.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.types import ChatMessage, ChatReply, Usage
from tests.loopback_llm import ScriptedReply, count_tokens

Fault = Literal["wrong", "unusable"]

REFUSAL = "I am sorry, but as a language model I cannot judge these 20 passages."

_QUESTION = re.compile(r"<question>\n(.*?)\n</question>", re.DOTALL)
_PASSAGE = re.compile(r"<passage (?:id=\"(\w+)\" )?title=\"[^\"]*\">\n(.*?)\n</passage>", re.DOTALL)


def text_key(text: str) -> str:
    """Reduce a text to the characters that escaping does not change."""
    return re.sub(r"[\W_]+", "", text)


@dataclass(frozen=True)
class JudgingLlm:
    """A `ChatModel` that also answers requests of the loopback server."""

    grades: Mapping[str, Mapping[str, int]]
    """Grades by the key of the question, then that of the passage; an unjudged passage has grade 0."""
    highest: int = 3
    fault: Fault = "wrong"
    fault_rate: float = 0.0
    """Share of replies with the fault."""
    seed: int = 0

    name = "judging-model"

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        text = self.reply([message.content for message in messages])
        prompt_tokens = sum(count_tokens(message.content) for message in messages)
        return ChatReply(text, self.name, Usage(1, prompt_tokens, count_tokens(text)))

    def __call__(self, request: Mapping[str, Any]) -> ScriptedReply:
        return ScriptedReply(self.reply([message["content"] for message in request["messages"]]))

    def reply(self, contents: Sequence[str]) -> str:
        """Reply to a prompt. A repair request gets the same reply as the prompt before it."""
        system, user = contents[0], contents[1]
        rng = random.Random(f"{self.seed}\n{user}")
        is_faulty = rng.random() < self.fault_rate
        if is_faulty and self.fault == "unusable":
            return REFUSAL
        question = _QUESTION.search(user)
        assert question is not None, user
        grades = {name or "1": self._grade(question[1], text) for name, text in _PASSAGE.findall(user)}
        assert grades, user
        if is_faulty:
            grades = self._falsify(grades, rng, comparing='"better"' in system)
        return json.dumps(self._build_reply(system, grades))

    def _grade(self, question: str, text: str) -> int:
        graded, passage = self.grades.get(text_key(question), {}), text_key(text)
        # The passage may be a chunk of the judged document.
        return graded[passage] if passage in graded else next((g for key, g in graded.items() if passage in key), 0)

    def _falsify(self, grades: Mapping[str, int], rng: random.Random, *, comparing: bool) -> dict[str, int]:
        if comparing:  # the opposite; for equal grades, either one
            return (
                {"A": -grades["A"], "B": -grades["B"]}
                if grades["A"] != grades["B"]
                else {"A": 0, "B": rng.choice((-1, 1))}
            )
        return {name: rng.randint(0, self.highest) for name in grades}

    def _build_reply(self, system: str, grades: Mapping[str, int]) -> dict[str, Any]:
        if '"better"' in system:
            return {"better": "A" if grades["A"] >= grades["B"] else "B"}
        if '"ranking"' in system:
            return {"ranking": [int(name) for name in sorted(grades, key=lambda name: -grades[name])]}
        top = 5 if re.search(r"0 (?:to|到) 5", system) else 10
        rated = {name: round(max(0, grade) / self.highest * top) for name, grade in grades.items()}
        if '"ratings"' in system:
            return {"ratings": [{"id": int(name), "reason": "judged", "score": score} for name, score in rated.items()]}
        return {"reason": "judged", "score": next(iter(rated.values()))}
