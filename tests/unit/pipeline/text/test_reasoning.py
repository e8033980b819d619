"""Reasoning and control tokens that leak into replies."""

from __future__ import annotations

import pytest

from pipeline.text.reasoning import remove_reasoning, remove_streamed_reasoning

ANSWER = "The bridge was built by Anna Lehr in 1904 [1]."

LEAKS = [
    f"<think>Passage [2]? No.</think>\n{ANSWER}",
    f"<Thinking>\nPassage [2]? No.\n</Thinking>\n\n{ANSWER}",
    f"<think></think>{ANSWER}",
    f"<think>a</think>\n<think>b</think>{ANSWER}",
    f"<|channel|>analysis<|message|>See [1].<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
    f"<|channel|>final<|message|>{ANSWER}",
    f"<|start|>assistant<|channel|>commentary<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}",
    f"analysisWe need to answer from passage [1].assistantfinal{ANSWER}",
    f"analysisWe need it.assistantcommentaryHm.assistantfinal{ANSWER}",
    f"assistantfinal{ANSWER}",
    f"\u25c1think\u25b7See [2].\u25c1/think\u25b7{ANSWER}",
    f"<seed:think>See [2].</seed:think>{ANSWER}",
    f"[THINK]See [2].[/THINK]{ANSWER}",
    f"<reasoning>See [2].</reasoning>\n{ANSWER}",
    f"<thought>\nSee [2].\n</thought>\n{ANSWER}",
    f"<unused94>thought\nSee [2].<unused95>{ANSWER}",
    f"<|begin_of_thought|>See.<|end_of_thought|>\n<|begin_of_solution|>{ANSWER}<|end_of_solution|>",
    f"<|START_THINKING|>See.<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
    f'<details type="reasoning" done="true"><summary>Thought</summary>See.</details>\n{ANSWER}',
    f"<think>The tag `</think>` ends it.</think>{ANSWER}",
    f"Sure!\n<think>See [2].</think>\n{ANSWER}".replace("Sure!\n", ""),
    f"{ANSWER}<|im_end|>",
    f"{ANSWER}</s>",
    f"{ANSWER}<|eot_id|>\n<|start_header_id|>user<|end_header_id|>\n\nAnd when?",
    f"{ANSWER}<|im_end|>\n<|im_start|>user\nAnd when?",
    f"<\uff5cAssistant\uff5c>{ANSWER}<\uff5cend\u2581of\u2581sentence\uff5c>",
    f"<|im_start|>assistant\n{ANSWER}<|im_end|>",
    f"<start_of_turn>model\n{ANSWER}<end_of_turn>",
    f"Assistant: {ANSWER}",
    f"**Answer:** {ANSWER}",
    f"<answer>{ANSWER}</answer>",
    f"<think>Hm.</think><answer>{ANSWER}</answer>",
]
WITHOUT_OPENING = [
    f"Okay, passage [2] says nothing.\n</think>\n\n{ANSWER}",
    f"The user asks for the year [1]. Passage [1] has it.</think>{ANSWER}",
    f"</think>\n{ANSWER}",
]


@pytest.mark.parametrize("reply", [*LEAKS, *WITHOUT_OPENING])
def test_remove_reasoning(reply: str) -> None:
    assert remove_reasoning(reply) == ANSWER


@pytest.mark.parametrize("reply", [*LEAKS, *WITHOUT_OPENING])
def test_remove_streamed_reasoning__shows_the_answer_only(reply: str) -> None:
    for end in range(len(reply) + 1):
        shown = remove_streamed_reasoning(reply[:end])
        if "." in shown:  # only whole sentences of a stream are shown
            assert ANSWER.startswith(shown.strip())


@pytest.mark.parametrize(
    "reply",
    ["<think>Let me look at passage 1. It says 1904 [1].", "<|channel|>analysis<|message|>Hm.", "analysisWe need"],
)
def test_remove_reasoning__reasoning_without_end_is_all_reasoning(reply: str) -> None:
    assert remove_reasoning(reply) == ""


@pytest.mark.parametrize(
    "answer",
    [
        "The `<think>` tag ends with `</think>` [1].",
        "The <think> tag ends with </think> [1].",
        "```html\n<think>x</think>\n```\nThis block shows it [1].",
        "It ends with </think> [1].",
        "Write `<|im_end|>` after each message [1].",
        "Old prices are <s>struck</s> [1].",
        "Analysis of the weir took a year [1].",
        "analysis, commentary and final are channels [1].",
        "final answers are graded [1].",
        "[THINKING] is a song [1].",
        "The element <details> hides text until </details> [1].",
        "Okay is spelled OK [1].",
        "We are open from 9 [1].",
    ],
)
def test_remove_reasoning__text_of_an_answer_survives(answer: str) -> None:
    assert remove_reasoning(answer) == answer


@pytest.mark.parametrize(
    "hostile",
    ["<think>" * 8000, "</think>" * 8000, "<" * 50_000, "`" * 50_000, "<|a|>" * 10_000, "\n" * 50_000, "`a" * 20_000],
)
def test_remove_reasoning__long_runs(hostile: str) -> None:
    remove_streamed_reasoning(hostile)
    remove_reasoning(f"{ANSWER}{hostile}")
