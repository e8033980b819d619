"""The calls for one written answer: with more tokens or shorter passages if the first call fails for want of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic

from pipeline.errors import PromptTooLong
from pipeline.generate.contradictions import CheckedAnswer
from pipeline.generate.written import ReasoningTooLong, check_answer, find_cut, show_when_verified
from pipeline.ports import ChatModel
from pipeline.types import AnswerLanguage, ChatMessage, ChatReply, Fallback, RankedCandidate, Usage

WHOLE_ANSWER = "whole answer"
"""Method of the fallback that reports a cut answer."""
ALL_PASSAGES = "all passages"
"""Method of the fallback that reports passages left out of the prompt."""


@dataclass(slots=True)
class ReasoningRoom:
    """Extra tokens per answer for a model that reasons first, learned from its first reply without an answer."""

    tokens: int = 0
    """0 never sends a second request."""
    is_used: bool = False
    """Whether the model has used up the tokens of an answer for its reasoning."""

    def limit(self, max_tokens: int) -> int:
        """Return the token limit of a request for an answer of `max_tokens`."""
        return max_tokens + self.tokens if self.is_used else max_tokens


MayRetry = Callable[[Sequence[ChatMessage], int, Usage], bool]
"""Returns whether the spending limits allow another call with these messages and tokens, after this usage."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The limits of a written answer."""

    max_tokens: int
    timeout_s: float
    """Time for all calls together."""
    reasoning: ReasoningRoom = field(default_factory=ReasoningRoom)
    may_retry: MayRetry = lambda *_: True


@dataclass(slots=True)
class AnswerAttempts:
    """The calls for one answer, and what they have used so far."""

    chat: ChatModel
    question: str
    language: AnswerLanguage
    build_messages: Callable[[Sequence[RankedCandidate]], list[ChatMessage]]
    limits: AnswerLimits
    on_text: Callable[[str], None] | None
    usage: Usage = field(default_factory=Usage)
    fallbacks: tuple[Fallback, ...] = ()

    def write(self, passages: Sequence[RankedCandidate]) -> tuple[ChatReply, CheckedAnswer | None]:
        """Return the reply and the checked answer; None if the model found no answer in the passages.

        Raises:
            LlmError: The endpoint failed, or the reply has no usable answer.
        """
        reasoning = self.limits.reasoning
        deadline = monotonic() + self.limits.timeout_s
        while True:
            messages = self.build_messages(passages)
            limit = reasoning.limit(self.limits.max_tokens)
            try:
                return self._write_once(passages, messages, limit, deadline)
            except PromptTooLong as error:
                shorter = shorten_passages(passages)
                if len(shorter) == len(passages) and shorter == passages:
                    raise
                self._note(ALL_PASSAGES, f"{len(shorter)} passages without their neighbours", str(error))
                passages = shorter
            except ReasoningTooLong:
                larger = self.limits.max_tokens + reasoning.tokens
                if (
                    larger <= limit
                    or deadline <= monotonic()
                    or not self.limits.may_retry(messages, larger, self.usage)
                ):
                    raise
                reasoning.is_used = True

    def _write_once(
        self, passages: Sequence[RankedCandidate], messages: list[ChatMessage], limit: int, deadline: float
    ) -> tuple[ChatReply, CheckedAnswer | None]:
        show = show_when_verified(self.on_text, self.question, passages) if self.on_text is not None else None
        reply = self.chat.complete(messages, max_tokens=limit, timeout_s=deadline - monotonic(), on_text=show)
        self.usage += reply.usage
        reply = replace(reply, max_tokens=reply.max_tokens or limit)
        checked = check_answer(self.question, reply, passages, self.language)
        if checked is not None and (reason := find_cut(reply)):
            self._note(WHOLE_ANSWER, "answer up to its last whole sentence", reason)
        return reply, checked

    def _note(self, method: str, used: str, reason: str) -> None:
        self.fallbacks = (*self.fallbacks, Fallback("generate", method, used, reason))


def shorten_passages(passages: Sequence[RankedCandidate]) -> Sequence[RankedCandidate]:
    """Return the passages without their neighbours; if they have none, the first half of them, at least one."""
    if any(ranked.candidate.neighbours for ranked in passages):
        return [replace(ranked, candidate=replace(ranked.candidate, neighbours=())) for ranked in passages]
    return passages[: max(1, len(passages) // 2)]
