"""Dispatch button presses, menu selections and form submissions by their `custom_id`, even after a restart."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import discord

from bot.interactions.accessors import client_of, data_of
from bot.interactions.errors import reply_with_error
from bot.render.message import CUSTOM_ID_PATTERN
from bot.services.refusals import Refusal
from bot.views import answers, documents, erasure, form_submissions, gaps, helper_requests, jobs, servers, settings

ComponentHandler = Callable[[discord.Interaction, int], Awaitable[None]]
"""Handles a component; the number is the target from the `custom_id`."""

COMPONENT_HANDLERS: Mapping[str, ComponentHandler] = {
    "sources": answers.show_sources,
    "why": answers.show_why,
    "up": answers.vote_up,
    "down": answers.vote_down,
    **{reason: partial(answers.give_reason, reason=reason) for reason in answers.VOTE_REASONS},
    "again": answers.offer_ask_again,
    "method": answers.ask_with_reranker,
    "methodall": partial(answers.ask_with_reranker, private=False),
    "add": helper_requests.open_add_form,
    "helper": helper_requests.ask_helper,
    "dohelper": helper_requests.ask_helper_after_confirmation,
    "nohelper": helper_requests.cancel_ask_helper,
    "more": answers.ask_with_more_passages,
    "moreall": partial(answers.ask_with_more_passages, private=False),
    "thorough": answers.ask_more_thoroughly,
    "thoroughall": partial(answers.ask_more_thoroughly, private=False),
    "cancel": jobs.cancel,
    "retry": jobs.retry,
    "jobs": jobs.turn_page,
    "docs": documents.turn_page,
    "opendoc": documents.open_document,
    "openjob": jobs.open_job,
    "gaps": gaps.turn_page,
    "opengap": gaps.open_gap,
    "answergap": gaps.offer_answer,
    "dismissgap": gaps.dismiss,
    "file": documents.send_file,
    "reingest": documents.reingest,
    "delete": documents.confirm_deletion,
    "dodelete": documents.delete,
    "keep": documents.cancel_deletion,
    "eraseme": erasure.open_person_form,
    "channels": settings.choose_channels,
    "askroles": settings.choose_asking_roles,
    "servers": servers.offer_servers,
    "server": servers.ask_on_server,
}
FORM_HANDLERS: Mapping[str, ComponentHandler] = {
    "text": form_submissions.add_text,
    "about": form_submissions.ask_about,
    "answergap": gaps.answer,
    "eraseme": erasure.erase_person,
    "erase": erasure.erase_server,
}


class PersistentComponent(discord.ui.DynamicItem[discord.ui.Item[Any]], template=CUSTOM_ID_PATTERN):
    """A button or menu that discord.py matches by its `custom_id`, without a view in memory."""

    def __init__(self, item: discord.ui.Item[Any], action: str, target: int) -> None:
        """Store the component with the action and target of its `custom_id`."""
        super().__init__(item)
        self._action = action
        self._target = target

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> PersistentComponent:
        """Create the component from its `custom_id`."""
        return cls(item, match["action"], int(match["target"]))

    async def callback(self, interaction: discord.Interaction) -> Any:
        """Run the handler of the component."""
        await _dispatch(interaction, "press", COMPONENT_HANDLERS.get(self._action), self._action, self._target)


async def handle_form(interaction: discord.Interaction) -> None:
    """Run the handler of a submitted form, even if another process opened it."""
    if interaction.type is not discord.InteractionType.modal_submit:
        return
    match = CUSTOM_ID_PATTERN.fullmatch(str(data_of(interaction).get("custom_id", "")))
    if match is not None:
        await _dispatch(interaction, "form", FORM_HANDLERS.get(match["action"]), match["action"], int(match["target"]))


async def _dispatch(
    interaction: discord.Interaction, kind: str, press: ComponentHandler | None, action: str, target: int
) -> None:
    tracker = client_of(interaction).tracker
    if tracker.closing:
        return
    async with tracker.track(interaction, f"{kind} {action}", reply_with_error):
        if press is None:  # a button of an earlier version of Refdesk
            raise Refusal("refusal-choice-unavailable")
        await press(interaction, target)
