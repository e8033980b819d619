"""Build modal forms; their `custom_id` contains all state, so submissions work after a restart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import discord

from bot.locales.texts import Texts
from bot.render.split import truncate

TEXT_FORM = "text"
ABOUT_FORM = "about"
GAP_FORM = "answergap"
PERSON_ERASURE_FORM = "eraseme"
SERVER_ERASURE_FORM = "erase"
MAX_TITLE_CHARACTERS = 300
VISIBILITY_CHOICES: tuple[str | None, ...] = (None, "server", "channel")
"""Choices of `visible`, by their index in the form's `custom_id`."""
MAX_FIELD_CHARACTERS = 4000
"""Discord's limit for a text input."""


def build_text_form(t: Texts, *, title: str, visible: str | None) -> discord.ui.Modal:
    """Build the form for adding a text."""
    form = discord.ui.Modal(title=t("form-text")[:45], custom_id=f"rd:{TEXT_FORM}:{VISIBILITY_CHOICES.index(visible)}")
    form.add_item(_build_field("title", t("form-text-title"), default=title, required=False, max_length=100))
    form.add_item(_build_field("text", t("form-text-text"), long=True, max_length=MAX_FIELD_CHARACTERS))
    return form


def build_about_form(t: Texts, *, about: str) -> discord.ui.Modal:
    """Build the form for a question about a message, with the text of the message as a field."""
    form = discord.ui.Modal(title=t("form-about")[:45], custom_id=f"rd:{ABOUT_FORM}:0")
    form.add_item(_build_field("question", t("form-about-question"), required=False, hint=t("form-about-hint")))
    form.add_item(
        _build_field(
            "about",
            t("form-about-text"),
            default=truncate(about, MAX_FIELD_CHARACTERS),
            long=True,
            max_length=MAX_FIELD_CHARACTERS,
        )
    )
    return form


def build_gap_form(t: Texts, *, query_id: int, question: str) -> discord.ui.Modal:
    """Build the form for answering a question; the question, which becomes the title of the answer, can be changed."""
    form = discord.ui.Modal(title=t("form-gap")[:45], custom_id=f"rd:{GAP_FORM}:{query_id}")
    title = truncate(question, MAX_TITLE_CHARACTERS)
    form.add_item(_build_field("question", t("form-gap-question"), default=title, max_length=MAX_TITLE_CHARACTERS))
    form.add_item(_build_field("answer", t("form-gap-answer"), long=True))
    return form


def build_person_erasure_form(t: Texts, *, keep_documents: bool) -> discord.ui.Modal:
    """Build the form in which a user confirms with a word that everything stored about them is deleted."""
    title = t("form-erase-me-keep" if keep_documents else "form-erase-me")
    form = discord.ui.Modal(title=title[:45], custom_id=f"rd:{PERSON_ERASURE_FORM}:{int(keep_documents)}")
    form.add_item(_build_field("word", t("form-erase-me-word"), hint=t("erase-word"), max_length=20))
    return form


def build_server_erasure_form(t: Texts, *, name: str) -> discord.ui.Modal:
    """Build the form in which a manager confirms with the name of the server that everything is deleted."""
    form = discord.ui.Modal(title=t("form-erase-server")[:45], custom_id=f"rd:{SERVER_ERASURE_FORM}:0")
    form.add_item(_build_field("name", t("form-erase-server-name"), hint=name, max_length=200))
    return form


def read_fields(data: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of a submitted form by field."""
    return dict(_iterate_values(data.get("components") or ()))


def _iterate_values(components: Any) -> Iterator[tuple[str, str]]:
    for component in components:
        if "custom_id" in component and "value" in component:
            yield str(component["custom_id"]), str(component["value"] or "")
        yield from _iterate_values(component.get("components") or ())
        if "component" in component:
            yield from _iterate_values([component["component"]])


def _build_field(
    name: str,
    label: str,
    *,
    default: str = "",
    hint: str = "",
    required: bool = True,
    long: bool = False,
    max_length: int = MAX_FIELD_CHARACTERS,
) -> discord.ui.Label[discord.ui.Modal]:
    style = discord.TextStyle.paragraph if long else discord.TextStyle.short
    return discord.ui.Label(
        text=label[:45],
        component=discord.ui.TextInput(
            custom_id=name,
            style=style,
            default=default or None,
            placeholder=hint[:100] or None,
            required=required,
            max_length=max_length,
        ),
    )
