"""Reranking: one contract, many methods; each gives a full permutation of the candidates with scores from 0 to 1."""

from pipeline.rerank.cascade import CascadeReranker, build_cascade, top_k_of
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.cross_encoder import CrossEncoderReranker
from pipeline.rerank.duplicates import flag_duplicates, top_distinct
from pipeline.rerank.fallback import FallbackReranker, with_fallback
from pipeline.rerank.late_interaction import LateInteractionReranker
from pipeline.rerank.llm_calls import LlmLimits
from pipeline.rerank.llm_listwise import LlmListwiseReranker
from pipeline.rerank.llm_pairwise import LlmPairwiseReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.rerank.rerank_api import RerankApiReranker

__all__ = [
    "CascadeReranker",
    "CrossEncoderReranker",
    "FallbackReranker",
    "LateInteractionReranker",
    "LlmLimits",
    "LlmListwiseReranker",
    "LlmPairwiseReranker",
    "LlmPointwiseReranker",
    "RecallOrderReranker",
    "RerankApiReranker",
    "build_cascade",
    "estimate_usage",
    "flag_duplicates",
    "top_distinct",
    "top_k_of",
    "with_fallback",
]
