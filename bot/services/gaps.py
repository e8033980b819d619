"""Show, answer and dismiss gaps: questions without a good answer."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.services.async_database import DatabaseService, on_thread
from bot.services.refusals import Refusal
from bot.services.request_context import RequestContext
from bot.services.workspace_settings import require_manager
from db import gaps
from db.gaps import Gap, GapQuestion


@dataclass(frozen=True, slots=True)
class VisibleGaps:
    """The gaps that a manager may see."""

    gaps: list[Gap]
    hidden: int
    """Number of private questions, and of questions in channels that the manager cannot view."""


class GapService(DatabaseService):
    """The gaps of a workspace. Every `context` must contain the channels that the user can view now."""

    @on_thread
    def list_gaps(self, context: RequestContext) -> VisibleGaps:
        """Return the open gaps, the largest first. Raises a `Refusal` unless the user is a manager."""
        require_manager(context)
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            questions = gaps.list_questions(session, workspace_id)
        visible = [question for question in questions if may_see_question(context, question)]
        return VisibleGaps(gaps.group(visible), len(questions) - len(visible))

    @on_thread
    def find_gap(self, context: RequestContext, query_id: int) -> Gap:
        """Return the open gap with this question; the question alone if it was answered or dismissed meanwhile.

        Raises a `Refusal` if the user is not a manager, or may not see the question.
        """
        require_manager(context)
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            questions = [*gaps.list_questions(session, workspace_id)]
            if all(question.id != query_id for question in questions):
                questions = gaps.list_questions(session, workspace_id, only=query_id)
        found = [
            gap
            for gap in gaps.group([question for question in questions if may_see_question(context, question)])
            if any(question.id == query_id for question in gap.questions)
        ]
        if not found:
            raise Refusal("refusal-unknown-gap")
        return found[0]

    @on_thread
    def resolve(self, context: RequestContext, gap: Gap, job_id: int | None = None) -> None:
        """Dismiss a gap, or mark it as answered by the document of a job."""
        require_manager(context)
        workspace_id = self._database.workspace_id(context)
        with self._database.tenant(context) as session:
            query_ids = [question.id for question in gap.questions]
            gaps.resolve(session, workspace_id, query_ids, context.user_id, job_id)


def may_see_question(context: RequestContext, question: GapQuestion) -> bool:
    """Return whether a manager may read a question: not private, and in a channel that the manager can view."""
    if context.guild_id is None:
        return True
    return not question.private and (question.channel is None or context.may_see([question.channel]))


def choose_question(gap: Gap, open_channels: Collection[str]) -> tuple[GapQuestion, Sequence[str] | None]:
    """Return the question that becomes the title of the answer, and the scope of the answer.

    The answer is visible to those who can read the question: to the whole workspace if it was asked in an open channel.

    Args:
        gap: The gap.
        open_channels: The channels that every member of the server can view.
    """
    for question in gap.questions:
        if question.channel is None or question.channel in open_channels:
            return question, None
    return gap.newest, sorted({question.channel for question in gap.questions if question.channel is not None})
