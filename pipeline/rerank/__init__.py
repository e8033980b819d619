"""Reranking: order the candidates of a question by one of several methods.

Every method is a `pipeline.ports.Reranker` in a module of this package. Each returns a full permutation of the
candidates with scores from 0 to 1. `config/rerankers.py` builds them by name.
"""

from pipeline.rerank.cascade import build_cascade, top_k_of
from pipeline.rerank.cost_estimates import estimate_usage
from pipeline.rerank.duplicates import flag_duplicates, top_distinct
from pipeline.rerank.reasons import add_reasons

__all__ = ["add_reasons", "build_cascade", "estimate_usage", "flag_duplicates", "top_distinct", "top_k_of"]
