"""Chats exported as text: one record for each message."""

import pytest

from pipeline.backends.documents.readers.chat_text import read_chat
from tests.reading import text_of

CHATS = {
    "whatsapp ios": ("[04.03.26, 18:22:11] Anna: Where?\n[04.03.26, 18:23:40] Bo: \u200eAt the pier,\n"
        "\nnine\n[04.03.26, 18:24:00] Anna: ok"),
    "whatsapp android": ("3/4/26, 6:22\u202fPM - Messages are encrypted.\n"
        "3/4/26, 6:22\u202fPM - Anna: Where?\n3/4/26, 6:23\u202fPM - Bo: At the pier,\nnine"),
    "telegram": "Anna, [04.03.2026 18:22]\nWhere?\n\nBo, [04.03.2026 18:23]\nAt the pier,\nnine",
    "discord export": ("=====\nGuild: Sailing\n=====\n\n[2026-03-04 18:22] Anna\nWhere?\n\n"
        "[2026-03-04 18:23] Bo\nAt the pier,\nnine"),
    "discord copy": "Anna — 04/03/2026 18:22\nWhere?\nBo — 04/03/2026 18:23\nAt the pier,\nnine",
    "slack copy": "Anna  6:22 PM\nWhere?\nBo  6:23 PM\nAt the pier,\nnine",
    "irc": "[18:22] <Anna> Where?\n[18:22] * Cid waves\n[18:23] <@Bo> At the pier,\nnine",
    "zoom": "18:22:11 From Anna to Everyone: Where?\n18:23:00 From Bo to Everyone: At the pier,\nnine",
}  # fmt: skip


@pytest.mark.parametrize("kind", CHATS)
def test_chat__message_is_one_paragraph_with_author_and_time(kind):
    paragraphs = text_of("chat.txt", CHATS[kind]).split("\n\n")
    asked = next(text for text in paragraphs if "Where?" in text)
    answered = next(text for text in paragraphs if "pier" in text)
    assert asked.startswith("Anna (")
    assert asked.endswith("): Where?")
    assert answered.startswith("Bo (")
    assert answered.endswith("): At the pier,\nnine")


def test_chat__chinese_times():
    text = "2026/3/12 下午6:04 - 小明: 在哪里？\n2026/3/12 下午6:05 - 小红: 在北门"
    assert text_of("chat.txt", text) == "小明 (2026/3/12 下午6:04): 在哪里？\n\n小红 (2026/3/12 下午6:05): 在北门"


@pytest.mark.parametrize(
    "text",
    [
        "[2026-03-04 18:22:11] ERROR: disk full\n[2026-03-04 18:22:12] INFO: retry\n[2026-03-04 18:22:13] WARN: end",
        "Agenda\n\n09:30 Opening: the mayor\n10:00 Talk: the tides\n10:30 Break",
        "The bus leaves at 18:22 - Monday: never.\nIt is late.",
    ],
)
def test_chat__logs_and_agendas_are_none(text):
    assert read_chat(text) is None
