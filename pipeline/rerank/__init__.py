"""Reranking: one contract, many methods; each gives a full permutation of the candidates with scores from 0 to 1."""

from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.fallback import FallbackReranker, with_fallback
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker

__all__ = [
    "CrossEncoderReranker",
    "FallbackReranker",
    "LateInteractionReranker",
    "LlmPointwiseReranker",
    "RecallOrderReranker",
    "with_fallback",
]
