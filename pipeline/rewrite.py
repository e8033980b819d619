"""Rewriting: a follow-up question with the conversation before it taken into account.

A language model makes the question stand on its own. What it writes is checked, since a conversation quotes documents
and people, and whatever they say must not decide what is asked. Without a model, or when the check fails, the passages
are looked for with the earlier questions that the follow-up leans on, and the question stays as it was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pipeline.errors import Cancelled, LeaseLost, LlmUnparsable, usage_of_error
from pipeline.ports import ChatModel
from pipeline.prompts import Prompt, detect_language, escape_passage, format_conversation, load_prompt, remove_thinking
from pipeline.questions import clean_text, has_words
from pipeline.text.terms import content_terms, is_spaceless, term_overlap
from pipeline.types import ChatMessage, ChatReply, Exchange, Fallback, RewriteResult, Usage

MAX_REPLY_TOKENS = 200
MAX_REWRITTEN_CHARS = 400
MIN_KNOWN_SHARE = 0.5
"""Share of a rewritten question's content terms that must come from the conversation or the follow-up."""
MIN_TERMS = 3
"""A question with fewer content terms may well lean on what was said before."""
MIN_TERMS_WITH_WEAK_REFERENCE = 5
"""With fewer than these, a word that only may point at something is taken to do so."""
MIN_CHARS = 8
"""Few terms, for scripts without spaces."""

PREVIOUS_QUESTIONS = "previous questions"

# Words that point at something said before, and beginnings that go on from it. Those of the second row mostly do
# something else ("is there", "such as", "the one that"), so they count in short questions only.
_REFERENCE = re.compile(
    r"\b(?:its?|itself|they|them|theirs?|these|those|he|him|his|she|hers?|same|former|latter)\b"
    r"|^\W*(?:and|but|or|so|also|then|what about|how about|ok)\b",
    re.IGNORECASE,
)
_WEAK_REFERENCE = re.compile(
    r"\b(?:this|that|there|then|ones?|others?|another|else|such|more|instead)\b", re.IGNORECASE
)
_CHINESE_REFERENCE = re.compile(
    "[它她]|他(?!国)|其(?![他它她中实次余])|(?<![因由如彼从])此|[该那这]|呢[？?]?$|^(?:还有|以及|另外)|上述|前者|后者"
)
_FENCE = re.compile(r"\A```(?:json)?\s*(.*?)\s*```\Z", re.DOTALL)


def rewrite_question(
    question: str, conversation: Sequence[Exchange], chat: ChatModel | None, *, timeout_s: float
) -> RewriteResult:
    """Take the conversation into account: what to answer, and what to look for passages with."""
    if chat is None:
        return RewriteResult(question, join_questions(question, conversation))
    prompt = load_prompt("rewrite", detect_language(question))
    usage = Usage()
    try:
        reply = _request_rewrite(question, conversation, chat, prompt, timeout_s)
        usage = reply.usage
        written = check_rewrite(reply, question, conversation)
    except (Cancelled, LeaseLost):
        raise
    except Exception as error:  # noqa: BLE001 - an endpoint may fail in any way, the question is answered all the same
        reason = str(error) if isinstance(error, LlmUnparsable) else f"{type(error).__name__}: {error}"
        usage += usage_of_error(error)
        fallback = Fallback("rewrite", chat.name, PREVIOUS_QUESTIONS, reason)
        return RewriteResult(question, join_questions(question, conversation), (fallback,), usage, (prompt.sha256,))
    return RewriteResult(written, written, usage=usage, prompt_hashes=(prompt.sha256,))


def build_rewrite_messages(question: str, conversation: Sequence[Exchange]) -> list[ChatMessage]:
    """Write what a language model is asked for a question that stands on its own with."""
    prompt = load_prompt("rewrite", detect_language(question))
    return prompt.messages(question=escape_passage(question), conversation=format_conversation(conversation))


def join_questions(question: str, conversation: Sequence[Exchange]) -> str:
    """Put before a follow-up the questions it leans on, back to the last one that stands on its own.

    Joining always would spoil a change of subject. Measured with 500 questions of xquad_en (dense, MRR@10): after a
    question about something else 0.86 this way, 0.47 when always joined, 0.93 as asked; with a follow-up that names
    one word only ("And the towers?") 0.93 this way and 0.32 as asked.
    """
    joined = [question]
    earlier = list(conversation)
    while earlier and depends_on_conversation(joined[0]):
        joined.insert(0, " ".join(earlier.pop().question.split()))
    return " ".join(dict.fromkeys(joined))


def depends_on_conversation(question: str) -> bool:
    """Tell whether a question may only be understood from what was said before."""
    if is_spaceless(question):
        return len(question.strip()) < MIN_CHARS or bool(_CHINESE_REFERENCE.search(question.strip()))
    terms = len(content_terms(question))
    points = _REFERENCE.search(question) or (terms < MIN_TERMS_WITH_WEAK_REFERENCE and _WEAK_REFERENCE.search(question))
    return terms < MIN_TERMS or bool(points)


def check_rewrite(reply: ChatReply, question: str, conversation: Sequence[Exchange]) -> str:
    """Check a rewritten question: in form, and that it asks for nothing but what people asked; `LlmUnparsable` else."""
    written = _parse_reply(reply)
    if len(written) > MAX_REWRITTEN_CHARS:
        raise LlmUnparsable(f"{reply.model} made a question of {len(written)} characters.")
    terms = content_terms(written)
    said = "\n".join((question, *(f"{earlier.question}\n{earlier.answer}" for earlier in conversation)))
    if term_overlap(terms, said) < MIN_KNOWN_SHARE:
        raise LlmUnparsable(f"{reply.model} made a question of words that are not in the conversation.")
    asked = content_terms(question)
    people = "\n".join((question, *(earlier.question for earlier in conversation)))
    if not term_overlap(asked, written) and not (depends_on_conversation(question) and term_overlap(terms, people)):
        raise LlmUnparsable(f"{reply.model} made another question of this one.")
    return written


def _request_rewrite(
    question: str, conversation: Sequence[Exchange], chat: ChatModel, prompt: Prompt, timeout_s: float
) -> ChatReply:
    messages = build_rewrite_messages(question, conversation)
    schema = dict(prompt.schema) if prompt.schema is not None else None
    return chat.complete(messages, max_tokens=MAX_REPLY_TOKENS, timeout_s=timeout_s, json_schema=schema)


def _parse_reply(reply: ChatReply) -> str:
    said = remove_thinking(reply.text)
    fenced = _FENCE.match(said)
    try:
        given = json.loads(fenced[1] if fenced else said)
    except ValueError:
        given = None
    written = given.get("question") if isinstance(given, dict) and len(given) == 1 else None
    if not isinstance(written, str) or not has_words(written):
        raise LlmUnparsable(f"{reply.model} gave no rewritten question.")
    return " ".join(clean_text(written).split())
