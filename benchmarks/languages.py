"""Compare keyword recall with English stems and with the stems of each text's language, on judged collections.

    .venv/bin/python -m benchmarks.languages DIR [DIR ...] [--words 2]

BM25 is computed in memory with the terms of the product; a passage is a whole document. The metric is trec_eval's
nDCG@10. With `--words`, only the longest content words of each question are searched, as in a search box.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from db.keyword_recall import BM25_B, BM25_K1
from evaluation.datasets import Dataset, load_dataset
from evaluation.metrics import measure_quality
from pipeline.text.languages import find_languages, find_likely_languages
from pipeline.text.stemming import ENGLISH
from pipeline.text.terms import is_content_term, search_forms, split_terms

TOP_N = 10


def shorten_question(question: str, words: int) -> str:
    """Return the longest content words of a question."""
    content = [word for word in question.split() if all(map(is_content_term, split_terms(word)))]
    return " ".join(sorted(content, key=len, reverse=True)[:words]) or question


def rank_by_keywords(
    texts: Sequence[tuple[str, str, str]], questions: Mapping[str, frozenset[str]]
) -> dict[str, list[str]]:
    """Return the Top-N documents of each question by BM25.

    Args:
        texts: ID, text and language of each document.
        questions: Terms of each question by its ID.
    """
    counts = {document: Counter(split_terms(text, language)) for document, text, language in texts}
    lengths = {document: terms.total() for document, terms in counts.items()}
    mean = sum(lengths.values()) / len(lengths)
    postings: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for document, terms in counts.items():
        for term, frequency in terms.items():
            postings[term].append((document, frequency))
    rankings = {}
    for question, searched in questions.items():
        scores: dict[str, float] = defaultdict(float)
        for term in sorted(searched):
            found = postings.get(term, [])
            weight = math.log(1 + (len(counts) - len(found) + 0.5) / (len(found) + 0.5))
            for document, frequency in found:
                norm = BM25_K1 * (1 - BM25_B + BM25_B * lengths[document] / mean)
                scores[document] += weight * frequency * (BM25_K1 + 1) / (frequency + norm)
        rankings[question] = sorted(scores, key=lambda document: (-scores[document], document))[:TOP_N]
    return rankings


def measure(
    dataset: Dataset,
    words: int,
    find_language: Callable[[str], str],
    find_question_languages: Callable[[str], Sequence[str]],
) -> float:
    """Return nDCG@10 with the given languages of documents and questions."""
    texts = []
    for document in dataset.documents():
        text = f"{document.title}\n{document.text}"
        texts.append((document.id, text, find_language(text)))
    questions = {}
    for question in dataset.judged_questions:
        text = shorten_question(question.text, words) if words else question.text
        questions[question.id] = frozenset().union(*search_forms(text, find_question_languages(text)))
    return measure_quality(dataset.qrels, rank_by_keywords(texts, questions)).ndcg_at_10


def main() -> None:
    """Print one line per collection."""
    parser = argparse.ArgumentParser(prog="benchmarks.languages", description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    parser.add_argument("--words", type=int, default=0, help="Search only this many words of each question.")
    arguments = parser.parse_args()
    print(f"{'collection':20} {'English stems':>14} {'by language':>12}")
    for folder in arguments.folders:
        dataset = load_dataset(folder)
        before = measure(dataset, arguments.words, lambda _: ENGLISH, lambda _: (ENGLISH,))
        after = measure(dataset, arguments.words, lambda text: find_languages([text])[0], find_likely_languages)
        print(f"{folder.name:20} {before:14.3f} {after:12.3f}", flush=True)


if __name__ == "__main__":
    main()
