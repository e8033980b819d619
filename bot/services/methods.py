"""The methods that can be chosen by plain names: a few of the rerankers, and only those that work here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

READ_FIRST = 50
"""Candidates that the first stage before a language model reads."""
READ_BY_LANGUAGE_MODEL = 20
"""Candidates that the language model reads, in one call."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method with a plain name."""

    key: str
    """The text `method-<key>` is its name."""
    reranker: str
    """The name of the reranker or cascade."""


def list_methods(working: Collection[str]) -> list[Method]:
    """Return the methods to choose from, fastest first.

    Args:
        working: The rerankers that work in a running worker; empty if no worker is running.
    """
    fast = "late-interaction" if not working or "late-interaction" in working else "none"
    methods = [Method("fast", fast)]
    accurate = next((name for name in ("cross-encoder", "rerank-api") if name in working), None)
    if accurate:
        methods.append(Method("accurate", accurate))
    if "llm-listwise" in working:
        cascade = f"{accurate or fast}:{READ_FIRST}>llm-listwise:{READ_BY_LANGUAGE_MODEL}"
        methods.append(Method("language-model", cascade))
    return methods


def find_more_accurate(working: Collection[str], used: str) -> Method | None:
    """Return the next more accurate method than the one that an answer used, or None.

    Args:
        working: The rerankers that work in a running worker.
        used: The reranker or cascade of the answer.
    """
    return next((method for method in list_methods(working) if _accuracy(method.reranker) > _accuracy(used)), None)


def _accuracy(reranker: str) -> int:
    """Return a rank by the most accurate stage: words, question and passage together, language model."""
    if "llm-" in reranker:
        return 3
    if "cross-encoder" in reranker or "rerank-api" in reranker:
        return 2
    return 1 if "late-interaction" in reranker else 0
