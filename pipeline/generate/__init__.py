"""Generation: from the final passages to an answer whose every citation has been checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.errors import Cancelled, LeaseLost, LlmUnparsable
from pipeline.generate.abstention import abstain, abstain_without_passages
from pipeline.generate.extractive import EXTRACTIVE, SentenceScorer, extract_answer
from pipeline.generate.written import check_answer, write_answer
from pipeline.ports import ChatModel
from pipeline.prompts import language_of, load_prompt
from pipeline.types import Fallback, Generated, Ranked, Usage

__all__ = ["SentenceScorer", "abstain", "abstain_without_passages", "generate_answer"]


def generate_answer(
    question: str,
    passages: Sequence[Ranked],
    chat: ChatModel | None,
    *,
    max_tokens: int,
    timeout_s: float,
    on_text: Callable[[str], None] | None = None,
    score_sentences: SentenceScorer | None = None,
) -> Generated:
    """Answer from the passages: written by the language model, or extracted when there is none or it fails."""
    if chat is None:
        return extract_answer(question, passages, score_sentences)
    prompt = load_prompt("answer", language_of(question))
    usage = Usage()
    try:
        reply = write_answer(
            question, passages, chat, prompt, max_tokens=max_tokens, timeout_s=timeout_s, on_text=on_text
        )
        usage = reply.usage
        verified = check_answer(question, reply, passages)
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - an endpoint may fail in any way, the question is answered all the same
        reason = str(error) if isinstance(error, LlmUnparsable) else f"{type(error).__name__}: {error}"
        fallback = Fallback("generate", chat.name, EXTRACTIVE, reason)
        return extract_answer(
            question, passages, score_sentences, fallbacks=(fallback,), usage=usage, prompt_hashes=(prompt.sha256,)
        )
    if verified is None:
        return replace(abstain(question, passages, model=reply.model), usage=usage, prompt_hashes=(prompt.sha256,))
    return Generated(
        verified.text,
        verified.citations,
        abstained=False,
        model=reply.model,
        usage=usage,
        prompt_hashes=(prompt.sha256,),
    )
