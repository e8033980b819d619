"""The answer flow with fakes: stages, invalid input, abstention, fallbacks and neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.answer import answer_question
from pipeline.answer_parts import AnswerParts
from pipeline.errors import Cancelled, DatabaseUnavailable, InvalidQuestion, UnknownName
from pipeline.ports import Matrix
from pipeline.rerank.fallback import FallbackReranker
from pipeline.rerank.llm_pointwise import LlmPointwiseReranker
from pipeline.rerank.recall_order import RecallOrderReranker
from pipeline.types import (
    DUPLICATE,
    Answer,
    AnswerOptions,
    Candidate,
    ChatMessage,
    Neighbour,
    RecallQuery,
    RecallResult,
)
from tasks.results import build_answer_json
from tests.answer_fakes import FakeChat, FakeStore, WordEmbedder, candidate

FOUND = (
    candidate(1, "The gate of the castle opens at nine.", dense_score=0.7),
    candidate(2, "The castle was built by a duke. It has four towers.", dense_score=0.6),
    candidate(3, "Bread is sold in the yard.", dense_score=0.2),
)
NONE = RecallOrderReranker()


def parts(found: Sequence[Candidate] = FOUND, **more: object) -> AnswerParts:
    given = AnswerParts(store=FakeStore(found), embedder=WordEmbedder(), rerankers={"none": NONE}, chat=None)
    return replace(given, **more)  # type: ignore[arg-type]


def ask(question: str, given: AnswerParts, **options: object) -> Answer:
    wanted = replace(AnswerOptions(reranker="none", top_n=10), **options)  # type: ignore[arg-type]
    return answer_question(question, wanted, given, lambda *_: None)


class BrokenEmbedder(WordEmbedder):
    """An embedding model that fails."""

    def encode(self, texts: Sequence[str]) -> Matrix:
        raise RuntimeError("out of memory")


def test_answer__whole_flow() -> None:
    given = parts()
    seen: list[tuple[str, int, int, str]] = []
    result = answer_question(
        "  When does the gate open? ", AnswerOptions(reranker="none", top_k=2), given, lambda *step: seen.append(step)
    )
    assert result.question == "When does the gate open?"
    assert result.generated.text == "The gate of the castle opens at nine. [1]"
    assert [step[0] for step in seen] == ["embed", "recall", "rerank", "generate"]
    assert list(result.timings_ms) == ["embed", "recall", "rerank", "generate", "total"]
    assert result.timings_ms["total"] >= result.timings_ms["recall"]
    assert (result.profile_id, result.fallbacks, result.reranking.method) == (7, (), "none")
    asked = given.store.requests[0]  # type: ignore[attr-defined]
    assert (asked.mode, asked.top_n) == ("hybrid", 50)


@pytest.mark.parametrize("question", ["", "   ", "\x00", "\ud800"])
def test_answer__empty_question(question: str) -> None:
    with pytest.raises(InvalidQuestion, match="empty"):
        ask(question, parts())


def test_answer__question_that_is_too_long() -> None:
    with pytest.raises(InvalidQuestion, match=r"100,000 characters; the limit is 4,000"):
        ask("x" * 100_000, parts())


def test_answer__unknown_reranker() -> None:
    with pytest.raises(UnknownName, match="no reranker 'magic'; choose one of none"):
        ask("gate?", parts(), reranker="magic")


@pytest.mark.parametrize(
    ("embedder", "reason"), [(None, "No hub, no model."), (BrokenEmbedder(), "RuntimeError: out of memory")]
)
def test_answer__without_embedding_model_recalls_by_keywords(embedder: WordEmbedder | None, reason: str) -> None:
    found = [replace(c, dense_score=None) for c in FOUND]
    result = ask("When does the gate open?", parts(found, embedder=embedder, embedder_missing="No hub, no model."))
    assert result.generated.text == "The gate of the castle opens at nine. [1]"
    assert next((f.stage, f.method, f.used, f.reason) for f in result.fallbacks) == (
        "embed",
        "hybrid",
        "keyword",
        reason,
    )
    assert result.recalled.plan == "keyword"
    assert result.profile_id is None


def test_answer__keyword_recall_needs_no_model() -> None:
    result = ask("When does the gate open?", parts(embedder=BrokenEmbedder()), recall="keyword")
    assert not [f for f in result.fallbacks if f.stage == "embed"]


def test_answer__empty_library() -> None:
    result = ask("When does the gate open?", parts(()))
    assert result.generated.abstained
    assert "The library is empty" in result.generated.text
    assert result.reranking.ranked == ()


def test_answer__abstains_if_nothing_is_similar() -> None:
    found = [replace(c, dense_score=0.1) for c in FOUND]
    chat = FakeChat("must not be asked")
    result = ask("Which planet is the largest?", parts(found, chat=chat), top_k=2)
    assert result.generated.abstained
    assert "“Document 1”; “Document 2”" in result.generated.text
    assert result.generated.citations == ()
    assert chat.requests == []


def test_answer__matching_keywords_prevent_abstaining() -> None:
    found = [replace(c, dense_score=0.1) for c in FOUND]
    assert not ask("When does the gate open?", parts(found)).generated.abstained


def test_answer__similarity_prevents_abstaining() -> None:
    assert not ask("Which planet is the largest?", parts()).generated.abstained


def test_answer__unusable_replies_at_every_stage() -> None:
    chat = FakeChat("zzt frob 7 qux")
    rerankers = {"llm-pointwise": FallbackReranker(LlmPointwiseReranker(chat), NONE)}
    result = ask("When does the gate open?", parts(chat=chat, rerankers=rerankers), reranker="llm-pointwise")
    assert result.generated.text == "The gate of the castle opens at nine. [1]"
    assert [(f.stage, f.used) for f in result.fallbacks] == [("rerank", "none"), ("generate", "extractive")]
    assert [r.rank for r in result.reranking.ranked] == [1, 2, 3]


def test_answer__cancelled_between_stages() -> None:
    def on_stage(stage: str, done: int, total: int, note: str) -> None:
        if stage == "rerank":
            raise Cancelled

    with pytest.raises(Cancelled):
        answer_question("gate?", AnswerOptions(reranker="none"), parts(), on_stage)


def test_answer__database_unavailable() -> None:
    class UnavailableStore:
        def recall(self, query: RecallQuery) -> RecallResult:
            raise DatabaseUnavailable

    with pytest.raises(DatabaseUnavailable):
        ask("gate?", parts(store=UnavailableStore()))


def test_answer__streams_through_the_stage_callback() -> None:
    notes: list[str] = []
    answer_question(
        "When does the gate open?",
        AnswerOptions(reranker="none"),
        parts(chat=FakeChat("The castle gate opens at nine [1].")),
        lambda _stage, _done, _total, note: notes.append(note),
    )
    assert "The castle gate opens at nine [1]." in notes


@pytest.mark.parametrize(("ratings", "abstains"), [((0, 1, 1), True), ((0, 1, 2), False)])
def test_answer__abstains_if_the_model_rates_every_passage_useless(ratings: tuple[int, ...], *, abstains: bool) -> None:
    said = dict(zip((c.text for c in FOUND), ratings, strict=True))

    def rate(messages: Sequence[ChatMessage]) -> str:
        return next(f'{{"score": {score}}}' for text, score in said.items() if text in messages[1].content)

    rerankers = {"llm-pointwise": LlmPointwiseReranker(FakeChat(rate))}
    result = ask("When does the gate open?", parts(rerankers=rerankers), reranker="llm-pointwise", top_k=3)
    assert result.generated.abstained == abstains


LONG = "The gate of the castle opens at nine each morning, and the warden rings the bell of the tower before it does."


def test_answer__near_duplicates_are_left_out_of_the_top_k() -> None:
    texts = (LONG, LONG.upper(), "The castle was built by a duke.", f"{LONG} ")
    found = [candidate(n, text, dense_score=0.6) for n, text in enumerate(texts, 1)]
    chat = FakeChat("The castle gate opens at nine [1]. A duke built the castle [2].")
    result = ask("When does the castle gate open?", parts(found, chat=chat), top_k=2)
    assert [citation.chunk_id for citation in result.generated.citations] == [1, 3]
    assert [(item.rank, item.flags, item.same_as) for item in result.reranking.ranked] == [
        (1, (), None),
        (2, (DUPLICATE,), 1),
        (3, (), None),
        (4, (DUPLICATE,), 1),
    ]
    (first, second) = build_answer_json(1, result)["citations"]
    assert first["also_in"] == [{"document": 102, "title": "Document 2"}, {"document": 104, "title": "Document 4"}]
    assert second["also_in"] == []


def test_answer_json__contains_conflicts() -> None:
    texts = ("The castle gate closes at 18:00.", "The castle gate closes at 20:00.")
    found = [candidate(n, text, dense_score=0.6) for n, text in enumerate(texts, 1)]
    assert build_answer_json(1, ask("When does the castle gate close?", parts(found)))["conflicts"] == [[1, 2]]


def with_neighbours(context_tokens: int = 2400) -> tuple[AnswerParts, FakeStore, FakeChat]:
    store = FakeStore(FOUND, neighbours={1: [Neighbour(9, 1, "It closes at dusk.")]})
    chat = FakeChat("The castle gate opens at nine [1]. It closes at dusk [1].")
    return parts(store=store, chat=chat, context_tokens=context_tokens), store, chat


def test_answer__written_answer_uses_neighbours() -> None:
    given, store, chat = with_neighbours()
    result = ask("When does the gate open?", given, top_k=2)
    assert store.neighbour_requests == [[1, 2]]
    assert "It closes at dusk." in chat.requests[0][1].content
    assert result.generated.text == "The castle gate opens at nine [1]. It closes at dusk [1]."
    assert all(item.candidate.neighbours == () for item in result.reranking.ranked)


def test_answer__neighbours_are_loaded_only_for_a_written_answer() -> None:
    given, store, _ = with_neighbours()
    ask("When does the gate open?", replace(given, context_tokens=0))
    ask("When does the gate open?", replace(given, chat=None))
    assert store.neighbour_requests == []


def test_answer__neighbours_beyond_the_token_budget_are_left_out() -> None:
    given, _, chat = with_neighbours(context_tokens=20)
    ask("When does the gate open?", given)
    assert "dusk" not in chat.requests[0][1].content


def test_answer__failure_to_load_neighbours_is_a_fallback() -> None:
    chat = FakeChat("The castle gate opens at nine [1].")
    result = ask("When does the gate open?", parts(store=FakeStore(FOUND, neighbours=DatabaseUnavailable()), chat=chat))
    assert result.generated.text == "The castle gate opens at nine [1]."
    assert [(f.stage, f.method, f.used) for f in result.fallbacks] == [("generate", "neighbours", "the passages alone")]
    assert result.fallbacks[0].reason.startswith("DatabaseUnavailable: ")


def test_answer__cancelled_while_neighbours_are_loaded() -> None:
    with pytest.raises(Cancelled):
        ask("When does the gate open?", parts(store=FakeStore(FOUND, neighbours=Cancelled()), chat=FakeChat("x")))
