"""Generation: turn the final passages into an answer with checked citations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.errors import Cancelled, LeaseLost, LlmUnparsable, usage_of_error
from pipeline.generate.abstention import abstain, abstain_without_passages, should_abstain
from pipeline.generate.attempts import AnswerAttempts, AnswerLimits, ReasoningRoom
from pipeline.generate.context import add_neighbours, load_neighbours
from pipeline.generate.extractive import EXTRACTIVE, SentenceScorer, extract_answer
from pipeline.generate.sentence_scores import build_sentence_scorer
from pipeline.generate.written import format_passages
from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, detect_language, escape_passage, format_conversation, load_prompt
from pipeline.types import ChatMessage, Fallback, GenerationResult, QuestionContext, RankedCandidate

__all__ = [
    "EXTRACTIVE",
    "AnswerLimits",
    "ReasoningRoom",
    "SentenceScorer",
    "abstain",
    "abstain_without_passages",
    "add_neighbours",
    "build_answer_messages",
    "build_sentence_scorer",
    "generate_answer",
    "load_neighbours",
    "should_abstain",
]

NO_CONTEXT = QuestionContext()
NUMBERS = "numbers"
"""Method of the fallback that reports sentences removed because of unsupported numbers."""
MAX_NUMBERS = 20

_LANGUAGE = {
    ("en", False): "the language of the question",
    ("zh", False): "提问的语言",
    ("en", True): "English, whatever language the question is in",
    ("zh", True): "中文（无论提问用什么语言）",
}
"""Instruction about the answer's language, by the language of the prompt and whether the user chose one."""


def generate_answer(
    question: str,
    passages: Sequence[RankedCandidate],
    chat: ChatModel | None,
    *,
    limits: AnswerLimits,
    context: QuestionContext = NO_CONTEXT,
    on_text: Callable[[str], None] | None = None,
    score_sentences: SentenceScorer | None = None,
) -> GenerationResult:
    """Answer from the passages: written by the language model, or extracted if there is none or it fails.

    An extracted answer is in the language of its passages, whatever language the user chose. Only a written answer
    uses the conversation and the neighbours of the passages. A model that uses up its tokens for reasoning is asked
    once more, with the tokens of `limits.reasoning` in addition, if `limits.may_retry` allows the cost.
    """
    language = context.language
    if chat is None:
        return extract_answer(question, passages, score_sentences, language=language)
    prompt = _prompt(question, context)
    attempts = AnswerAttempts(
        chat,
        question,
        language,
        lambda shown: build_answer_messages(question, shown, context),
        limits,
        on_text,
    )
    try:
        reply, checked = attempts.write(passages)
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - whatever fails at the endpoint, the question is answered from the passages
        reason = str(error) if isinstance(error, LlmUnparsable) else f"{type(error).__name__}: {error}"
        fallback = Fallback("generate", chat.name, EXTRACTIVE, reason)
        return extract_answer(
            question,
            passages,
            score_sentences,
            language=language,
            fallbacks=(fallback,),
            usage=attempts.usage + usage_of_error(error),
            prompt_hashes=(prompt.sha256,),
        )
    if checked is None:
        abstained = abstain(question, passages, language=language, model=reply.model)
        return replace(abstained, usage=attempts.usage, prompt_hashes=(prompt.sha256,))
    return GenerationResult(
        checked.text,
        checked.citations,
        abstained=False,
        model=reply.model,
        conflicts=checked.conflicts,
        fallbacks=(*attempts.fallbacks, *_note_dropped(checked.dropped)),
        usage=attempts.usage,
        prompt_hashes=(prompt.sha256,),
    )


def build_answer_messages(
    question: str, passages: Sequence[RankedCandidate], context: QuestionContext
) -> list[ChatMessage]:
    """Build the messages that ask a language model for an answer."""
    prompt, language = _prompt(question, context), context.language
    return prompt.messages(
        question=escape_passage(question),
        passages=format_passages(passages),
        conversation=format_conversation(context.conversation),
        language=_LANGUAGE[language or prompt.language, bool(language)],
    )


def _prompt(question: str, context: QuestionContext) -> Prompt:
    return load_prompt("answer", context.language or detect_language(question))


def _note_dropped(numbers: Sequence[str]) -> tuple[Fallback, ...]:
    if not numbers:
        return ()
    reason = f"Numbers in no cited passage: {', '.join(numbers[:MAX_NUMBERS])}."
    return (Fallback("generate", NUMBERS, "answer without these sentences", reason),)
