"""Generated chunks of filled stores."""

import numpy as np

from benchmarks.filled_store import DIMENSIONS, PER_DOCUMENT, QUESTION_WORDS, Generator


def test_generator__is_repeatable_and_consistent() -> None:
    owners = np.array([1, 2, 2], dtype=np.int32)
    first, again = (Generator(3, seed=7).chunks(11, owners) for _ in range(2))
    assert np.array_equal(first.terms, again.terms)
    assert np.array_equal(first.vectors, again.vectors)
    assert first.vectors.shape == (3 * PER_DOCUMENT, DIMENSIONS)
    assert np.allclose(np.linalg.norm(first.vectors, axis=1), 1, atol=1e-5)
    assert (first.ids[0], first.documents[0], first.documents[-1]) == (11, 2, 4)
    assert first.ordinals.tolist() == list(range(PER_DOCUMENT)) * 3
    assert first.workspaces.tolist() == [1] * PER_DOCUMENT + [2] * 2 * PER_DOCUMENT
    ends = np.cumsum(first.distinct)
    assert ends[-1] == len(first.terms)
    for n in range(len(first.ids)):
        part = slice(ends[n] - first.distinct[n], ends[n])
        assert np.all(np.diff(first.terms[part]) > 0)
        assert first.frequencies[part].sum() == first.lengths[n]


def test_generator__asks_about_chunks_of_one_workspace() -> None:
    generator = Generator(3, seed=7)
    chunks = generator.chunks(1, np.array([1, 2, 2], dtype=np.int32))
    questions = generator.questions(chunks, 1, 4)
    terms = set(chunks.terms[: chunks.distinct[:PER_DOCUMENT].sum()].tolist())
    assert len(questions) == 4
    for question in questions:
        assert len(set(question.terms) & terms) == QUESTION_WORDS
        assert int(np.argmax(chunks.vectors @ question.vector)) < PER_DOCUMENT
