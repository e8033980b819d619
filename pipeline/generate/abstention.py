"""Abstention: say that there is no answer, and where to look instead."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.prompts import language_of
from pipeline.types import AnswerLanguage, GenerationResult, RankedCandidate

NEAREST = 3


def abstain(
    question: str, nearest: Sequence[RankedCandidate], *, language: AnswerLanguage = "", model: str = "extractive"
) -> GenerationResult:
    """Give no answer, naming the sources that came nearest."""
    titles = list(dict.fromkeys(r.candidate.title or r.candidate.source for r in nearest if _is_named(r)))[:NEAREST]
    if (language or language_of(question)) == "zh":
        text = "资料库中没有找到这个问题的答案。"
        if titles:
            text += "最接近的资料：" + "；".join(f"《{title}》" for title in titles) + "。"
    else:
        text = "I found nothing in the library that answers this."
        if titles:
            text += " Nearest sources: " + "; ".join(f"“{title}”" for title in titles) + "."
    return GenerationResult(text=text, citations=(), abstained=True, model=model)


def abstain_without_passages(question: str, *, by_keywords: bool, language: AnswerLanguage = "") -> GenerationResult:
    """Give no answer because recall brought nothing: nothing was found by keywords, or the library is empty."""
    if (language or language_of(question)) == "zh":
        text = "资料库中没有任何段落含有这个问题的词语。" if by_keywords else "资料库是空的，请先添加资料，然后再提问。"
    elif by_keywords:
        text = "No passage of the library contains the words of this question, or the library is still empty."
    else:
        text = "The library is empty; add documents first, then ask again."
    return GenerationResult(text=text, citations=(), abstained=True, model="extractive")


def _is_named(ranked: RankedCandidate) -> bool:
    return bool(ranked.candidate.title or ranked.candidate.source)
