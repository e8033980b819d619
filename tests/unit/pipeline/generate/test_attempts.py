"""Replies that are cut, refused or spent on reasoning, and prompts that are too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from pipeline.errors import PromptTooLong
from pipeline.generate import AnswerLimits, ReasoningRoom, generate_answer
from pipeline.types import INCOMPLETE, ChatMessage, ChatReply, GenerationResult, Neighbour, Usage
from tests.answer_fakes import ranked

PASSAGES = ranked(
    "The bridge was built by Anna Lehr in 1904. The toll was paid by the council and the millers.",
    "The ferry leaves at nine.",
    "The tower has two doors.",
)
ANSWER = "The bridge was built by Anna Lehr in 1904 [1]."
USAGE = Usage(1, 100, 50, 0.01)
SPENT = ChatReply("", "m", USAGE, finish_reason="length", reasoning="Hm, let me think.")


class ScriptedChat:
    """A chat model that returns or raises one reply after another, the last one again and again."""

    name = "m"

    def __init__(self, *replies: ChatReply | Exception) -> None:
        self._replies = list(replies)
        self.limits: list[int] = []
        self.prompts: list[str] = []

    def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        timeout_s: float,
        json_schema: dict[str, Any] | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatReply:
        self.limits.append(max_tokens)
        self.prompts.append(messages[-1].content)
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply


def reply(text: str = "", finish_reason: str = "stop", **more: Any) -> ChatReply:
    return ChatReply(text, "m", USAGE, finish_reason=finish_reason, **more)


def ask(chat: ScriptedChat, **limits: Any) -> GenerationResult:
    return generate_answer("Who built the bridge?", PASSAGES, chat, limits=AnswerLimits(800, 5, **limits))


@pytest.mark.parametrize("finish_reason", ["length", "MAX_TOKENS", "model_length"])
@pytest.mark.parametrize(
    "rest", [" The toll was paid by the council and the m", "\nThe toll was pai", " The toll was 19"]
)
def test_write__cut_answer_ends_at_its_last_whole_sentence(finish_reason: str, rest: str) -> None:
    given = ask(ScriptedChat(reply(f"{ANSWER}{rest}", finish_reason, max_tokens=300)))
    assert (given.text, given.model) == (ANSWER, "m")
    assert [(note.method, note.reason) for note in given.fallbacks] == [
        ("whole answer", "The answer was cut at 300 tokens (REFDESK_LLM_MAX_TOKENS).")
    ]


def test_write__cut_list_ends_at_its_last_whole_item() -> None:
    given = ask(ScriptedChat(reply("- Anna Lehr built the bridge [1]\n- The toll was pa", "length")))
    assert given.text == "- Anna Lehr built the bridge [1]"


def test_write__connection_that_ended_early() -> None:
    given = ask(ScriptedChat(reply(f"{ANSWER} The toll was pa", INCOMPLETE)))
    assert given.text == ANSWER
    assert [note.method for note in given.fallbacks] == ["whole answer"]
    assert ask(ScriptedChat(reply(ANSWER, INCOMPLETE))).fallbacks == ()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (reply(refusal="I cannot help with that."), "m refused to answer: “I cannot help with that.”"),
        (reply(finish_reason="content_filter"), "The content filter of the server blocked the answer of m."),
        (reply(finish_reason="tool_calls"), "requested a tool call"),
        (reply(finish_reason="length", reasoning="Hm."), "m used up all 800 tokens for its reasoning"),
        (reply("<think>Hm. Hm.", "length"), "REFDESK_LLM_REASONING_EFFORT"),
        (reply("<think>Hm. [1]"), "wrote only reasoning"),
        (reply(reasoning="Hm, passage [1] names Anna Lehr. So I will answer."), "wrote only reasoning"),
        (reply(), "m returned an empty answer."),
        (reply("The bridge was built by Anna Lehr."), "The answer of m cites nothing."),
        (reply("The bridge was built by Anna Lehr [9]."), "has no citation that a passage supports"),
    ],
)
def test_write__unusable_reply_is_called_by_its_name(sent: ChatReply, said: str) -> None:
    given = ask(ScriptedChat(sent))
    assert given.model == "extractive"
    assert said in given.fallbacks[0].reason


def test_write__answer_in_the_field_for_reasoning_is_used() -> None:
    given = ask(ScriptedChat(reply(reasoning=f"{ANSWER} The ferry leaves at nine [2].")))
    assert (given.text, given.fallbacks) == (f"{ANSWER} The ferry leaves at nine [2].", ())


def test_write__asks_again_with_more_tokens_and_remembers_it() -> None:
    room = ReasoningRoom(3200)
    chat = ScriptedChat(SPENT, reply(ANSWER))
    given = ask(chat, reasoning=room)
    assert (given.text, given.fallbacks, given.usage) == (ANSWER, (), USAGE + USAGE)
    ask(chat, reasoning=room)
    assert chat.limits == [800, 4000, 4000]


def test_write__asks_for_more_tokens_only_once() -> None:
    chat = ScriptedChat(SPENT)
    given = ask(chat, reasoning=ReasoningRoom(3200))
    assert chat.limits == [800, 4000]
    assert "used up all 4,000 tokens" in given.fallbacks[0].reason
    assert given.usage == USAGE + USAGE


def test_write__no_second_request_beyond_the_spending_limit_or_without_room() -> None:
    asked: list[tuple[int, Usage]] = []

    def may_retry(messages: Sequence[ChatMessage], max_tokens: int, usage: Usage) -> bool:
        asked.append((max_tokens, usage))
        return False

    chat = ScriptedChat(SPENT)
    ask(chat, reasoning=ReasoningRoom(3200), may_retry=may_retry)
    ask(chat)
    assert (chat.limits, asked) == ([800, 800], [(4000, USAGE)])


def test_write__prompt_that_is_too_long_is_shortened() -> None:
    chat = ScriptedChat(PromptTooLong(), PromptTooLong(), reply(ANSWER))
    around = (Neighbour(99, 1, "A neighbour of the first passage."),)
    passages = [replace(PASSAGES[0], candidate=replace(PASSAGES[0].candidate, neighbours=around)), *PASSAGES[1:]]
    given = generate_answer("Who built the bridge?", passages, chat, limits=AnswerLimits(800, 5))
    assert (given.text, given.model) == (ANSWER, "m")
    assert [prompt.count("</passage>") for prompt in chat.prompts] == [3, 3, 1]
    assert ["neighbour" in prompt for prompt in chat.prompts] == [True, False, False]
    assert [note.method for note in given.fallbacks] == ["all passages", "all passages"]


def test_write__prompt_that_is_always_too_long() -> None:
    given = ask(ScriptedChat(PromptTooLong()))
    assert given.model == "extractive"
    assert "PromptTooLong" in given.fallbacks[0].reason
