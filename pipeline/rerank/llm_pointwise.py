"""The method `llm-pointwise`: a language model rates each passage from 0 to 10 and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic

from pipeline.errors import LlmError, LlmRefused, LlmTimeout, LlmUnparsable, LlmUnreachable
from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, escape_passage, language_of, load_prompt
from pipeline.rerank.permutation import Scored, give_up, note_unscored, order_by_score
from pipeline.rerank.rating import HIGHEST, Rating, parse_rating
from pipeline.types import Candidate, ChatMessage, ChatReply, Reranking, Usage

MAX_PASSAGE_CHARS = 6000
MAX_TITLE_CHARS = 200
MAX_TOKENS = 400
"""Room for the reason, and for a short think block before it."""


@dataclass(slots=True)
class _Tally:
    """What came back so far; written by the calling thread only."""

    ratings: dict[int, Rating] = field(default_factory=dict)
    errors: list[LlmError] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    done: int = 0

    def take(self, place: int, usage: Usage, outcome: Rating | LlmError) -> None:
        """Add what came back for one candidate."""
        self.usage += usage
        self.done += 1
        if isinstance(outcome, Rating):
            self.ratings[place] = outcome
        else:
            self.errors.append(outcome)


_Future = Future[tuple[Usage, Rating | LlmError]]


class LlmPointwiseReranker:
    """Asks a `ChatModel` once per passage, several at a time."""

    method = "llm-pointwise"

    def __init__(self, chat: ChatModel, *, call_timeout_s: float = 30.0, concurrency: int = 4) -> None:
        """Take the endpoint, the seconds one call may take and how many run at once."""
        self._chat = chat
        self._call_timeout_s = call_timeout_s
        self._concurrency = concurrency

    def rerank(
        self,
        question: str,
        candidates: Sequence[Candidate],
        *,
        deadline_s: float,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Reranking:
        """Order by rating; gives up, with the reason on record, when fewer than half of the ratings are usable."""
        prompt = load_prompt("pointwise", language_of(question))
        tally = self._rate_all(prompt, question, candidates, monotonic() + deadline_s, on_progress)
        usable = len(tally.ratings)
        if candidates and usable * 2 < len(candidates):
            worst = tally.errors[0] if tally.errors else LlmTimeout("The time for reranking was up.")
            reason = f"Only {usable} of {len(candidates)} passages got a usable rating from {self._chat.name}. {worst}"
            return give_up(candidates, self.method, reason, tally.usage, (prompt.sha256,))
        scored = [_as_score(tally.ratings.get(i)) for i in range(len(candidates))]
        ranked = order_by_score(candidates, scored, self.method)
        reason = str(tally.errors[0]) if tally.errors else "the time for reranking was up."
        return Reranking(ranked, self.method, note_unscored(ranked, self.method, reason), tally.usage, (prompt.sha256,))

    def _rate_all(
        self,
        prompt: Prompt,
        question: str,
        candidates: Sequence[Candidate],
        ends: float,
        on_progress: Callable[[int, int], None] | None,
    ) -> _Tally:
        tally = _Tally()
        asked = escape_passage(question)
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="llm-pointwise")
        to_ask = iter(enumerate(candidates))
        under_way: dict[_Future, int] = {}
        try:
            while not _is_hopeless(tally, len(candidates)):
                # Never more under way than run at once: what is not submitted need not be paid for when it is hopeless.
                for place, candidate in islice(to_ask, self._concurrency - len(under_way)):
                    call = pool.submit(_rate, self._chat, prompt, asked, candidate, ends, self._call_timeout_s)
                    under_way[call] = place
                finished, _ = wait(under_way, timeout=max(0.0, ends - monotonic()), return_when=FIRST_COMPLETED)
                if not finished:
                    break
                for call in finished:
                    tally.take(under_way.pop(call), *call.result())
                if on_progress is not None:
                    on_progress(tally.done, len(candidates))
        finally:
            # A call that hangs ends by its own time-out; nobody waits for it here.
            pool.shutdown(wait=False, cancel_futures=True)
        return tally


def _rate(
    chat: ChatModel, prompt: Prompt, asked: str, candidate: Candidate, ends: float, call_timeout_s: float
) -> tuple[Usage, Rating | LlmError]:
    """Rate one passage; runs in a thread and takes all it needs, the question escaped already, as arguments."""
    title = " > ".join((candidate.title, *candidate.headings))[:MAX_TITLE_CHARS]
    messages = prompt.messages(
        question=asked,
        title=escape_passage(" ".join(title.replace('"', "'").split())),
        passage=escape_passage(candidate.text[:MAX_PASSAGE_CHARS]),
    )
    usage = Usage()
    try:
        for _ in range(2):
            reply = _ask(chat, prompt, messages, min(call_timeout_s, ends - monotonic()))
            usage += reply.usage
            rating = parse_rating(reply.text)
            if rating is not None:
                return usage, rating
            messages = [*messages, ChatMessage("assistant", reply.text), ChatMessage("user", prompt.repair)]
    except LlmError as error:
        return usage, error
    return usage, LlmUnparsable(f"{chat.name} gave no rating in the form that was asked for, also when asked again.")


def _ask(chat: ChatModel, prompt: Prompt, messages: Sequence[ChatMessage], timeout_s: float) -> ChatReply:
    if timeout_s <= 0:
        raise LlmTimeout("The time for reranking was up.")
    schema = dict(prompt.schema) if prompt.schema else None
    return chat.complete(messages, max_tokens=MAX_TOKENS, timeout_s=timeout_s, json_schema=schema)


def _is_hopeless(tally: _Tally, total: int) -> bool:
    # A refusal (wrong key, no such model) does not get better, and an endpoint that is away has been tried again
    # already; nor is a model worth the money that has failed on more than half of the passages.
    gone = any(isinstance(error, LlmRefused | LlmUnreachable) for error in tally.errors)
    return gone or len(tally.errors) * 2 > total


def _as_score(rating: Rating | None) -> Scored:
    if rating is None:
        return Scored(None)
    return Scored(rating.value / HIGHEST, rating.value, rating.reason)
