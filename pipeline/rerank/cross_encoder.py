"""The method `cross-encoder`: a model that reads the question and a passage together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.ports import PairScorer
from pipeline.prompts import detect_language
from pipeline.rerank.batching import OUT_OF_TIME, score_in_batches
from pipeline.rerank.reasons import Explanation
from pipeline.rerank.results import CandidateScore, rank_by_score, unscored_fallbacks
from pipeline.rerank.score_scaling import sigmoid
from pipeline.text.markdown import drop_link_targets
from pipeline.text.passages import build_passage
from pipeline.text.sentences import split_sentences
from pipeline.text.terms import content_terms, term_overlap
from pipeline.types import Candidate, RerankResult, Usage

MAX_SENTENCES = 3
"""Sentences per passage that are scored for its reason: those with the most words of the question."""


class CrossEncoderReranker:
    """Orders candidates by the scores of a `PairScorer`."""

    method = "cross-encoder"

    def __init__(self, scorer: PairScorer) -> None:
        """Create the reranker from a loaded model."""
        self._scorer = scorer

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> RerankResult:
        """Order by score. Candidates that were not scored in time keep their place and are flagged."""

        def score(batch: Sequence[Candidate]) -> Sequence[float]:
            return self._scorer.score(
                question, [build_passage(candidate.headings, candidate.text) for candidate in batch]
            )

        raw = score_in_batches(candidates, score, deadline_s=deadline_s, on_progress=on_progress)
        scored = [CandidateScore(None) if logit is None else CandidateScore(sigmoid(logit), logit) for logit in raw]
        ranked = rank_by_score(candidates, scored, self.method)
        return RerankResult(ranked, self.method, unscored_fallbacks(ranked, self.method, OUT_OF_TIME))

    def explain(self, question: str, passages: Sequence[Candidate], *, deadline_s: float, spent: Usage) -> Explanation:
        """Quote the sentence that the model scores highest, for each passage whose sentences are scored in time."""
        sentences = [
            (passage.chunk_id, sentence)
            for passage in passages
            for sentence in _find_likely_sentences(question, passage)
        ]

        def score(batch: Sequence[tuple[int, str]]) -> Sequence[float]:
            return self._scorer.score(question, [sentence for _, sentence in batch])

        scores = score_in_batches(sentences, score, deadline_s=deadline_s)
        unfinished = {chunk for (chunk, _), value in zip(sentences, scores, strict=True) if value is None}
        best: dict[int, tuple[float, str]] = {}
        for (chunk, sentence), value in zip(sentences, scores, strict=True):
            if value is not None and chunk not in unfinished and (chunk not in best or value > best[chunk][0]):
                best[chunk] = (value, sentence)
        label = "最相关的句子：" if detect_language(question) == "zh" else "Best sentence: "
        return Explanation({chunk: label + sentence for chunk, (_, sentence) in best.items()})


def _find_likely_sentences(question: str, passage: Candidate) -> list[str]:
    terms = content_terms(question)
    sentences = split_sentences(drop_link_targets(passage.text))
    return sorted(sentences, key=lambda sentence: -term_overlap(terms, sentence))[:MAX_SENTENCES]
