"""The menus of the lists, which open an item."""

from __future__ import annotations

import pytest

from bot.locales.texts import texts_for
from bot.render.docs import render_document_list
from bot.render.jobs import render_job_list
from bot.render.message import Menu, OutgoingMessage
from tests.bot_factories import document, document_job, job
from tests.message_checks import check_message

EN, ZH = texts_for("en-US"), texts_for("zh-CN")


def _options(shown: OutgoingMessage) -> list[tuple[str, str, str]]:
    (menu,) = [item for row in check_message(shown).buttons for item in row if isinstance(item, Menu)]
    return [(option.value, option.label, option.description) for option in menu.options]


def test_documents__menu_opens_those_that_the_user_can_view():
    listed = [document(7, title="Rules"), document(8, title="Manual_v2 *new*", pages=None), document(9)]
    assert _options(render_document_list(listed, EN, closed=[9])) == [
        ("7", "Rules", "28 pages, 340 passages"),
        ("8", "Manual_v2 *new*", "340 passages"),
    ]
    assert not render_document_list([document(9)], EN, closed=[9]).buttons


def test_jobs__menu_opens_a_job():
    shown = [job(id=5, state="queued", about="What?"), document_job("a.pdf", "failed", id=4)]
    assert _options(render_job_list(shown, EN, everyone=False)) == [
        ("5", "🕓 What?", "Question"),
        ("4", "❌ a.pdf", "Document"),
    ]
    assert not render_job_list([], EN, everyone=False).buttons


@pytest.mark.parametrize("title", ["", "\u202e", "x" * 300, "😀" * 300])
def test_menus__any_title(title):
    check_message(render_document_list([document(7, title=title, source=title)], ZH))
    check_message(render_job_list([job(about=title)], ZH, everyone=False))
