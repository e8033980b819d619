"""Checks for every message of the bot: Discord's limits, and no active markup from untrusted text."""

from __future__ import annotations

import re

import discord

from bot.render.message import CUSTOM_ID_PATTERN, MAX_MENU_OPTIONS, Button, Menu, OutgoingMessage
from bot.render.split import utf16_length
from tests.bot_factories import CHANNEL, MESSAGE_LINK, NOW, PERSON
from tests.discord_markup import find_active_markup, is_balanced

HOSTILE = (
    "@everyone <@&1> [x](http://evil.example) discord.gg/x <t:1:R> ||x|| `` ` ``` \u202e\u200b\x00\ud800 **_~ \\ # > "
    "-# \n```js\n@here\n"
) * 90
"""Ten thousand characters of harmful markup."""

OWN_MARKUP = re.compile(
    rf"\]\({re.escape(MESSAGE_LINK)}\)|<@&?{PERSON}>|<#{CHANNEL}>|<t:{int(NOW.timestamp())}:R>|(?m:^-# )"
)
"""Active markup that the bot writes itself: message links, mentions, timestamps, small text."""
INVISIBLE = frozenset({"invite", "hidden", "surrogate"})
"""Markup that is active where Discord shows no Markdown."""


def check_message(shown: OutgoingMessage) -> OutgoingMessage:
    """Assert that Discord accepts the message and that untrusted text in it is inactive."""
    assert shown.content or shown.embeds or shown.files
    assert utf16_length(shown.content) <= 2000
    assert is_balanced(shown.content)
    assert find_foreign_markup(shown.content) == []
    assert len(shown.embeds) <= 10
    assert sum(map(len, shown.embeds)) <= 6000
    for embed in shown.embeds:
        _check_embed(embed, shown)
    assert len(shown.buttons) <= 5
    ids = [button.custom_id for row in shown.buttons for button in row if isinstance(button, Button | Menu)]
    assert len(ids) == len(set(ids))
    for row in shown.buttons:
        assert 1 <= len(row) <= 5
        for button in row:
            assert button.label or getattr(button, "emoji", "")
            assert utf16_length(button.label) <= 80
            assert find_foreign_markup(button.label) == []
            if isinstance(button, Menu):
                _check_menu(button)
                assert len(row) == 1
    assert all(CUSTOM_ID_PATTERN.fullmatch(identity) for identity in ids)
    assert all(re.fullmatch(r"[\w.-]+", file.name) and utf16_length(file.description) <= 1024 for file in shown.files)
    return shown


def _check_menu(menu: Menu) -> None:
    assert 1 <= len(menu.options) <= MAX_MENU_OPTIONS
    assert len({option.value for option in menu.options}) == len(menu.options)
    for option in menu.options:
        assert option.label.strip()
        assert 1 <= len(option.value) <= 100
        assert max(utf16_length(option.label), utf16_length(option.description)) <= 100
        for text in (option.label, option.description):
            assert not INVISIBLE & set(find_active_markup(text)), "Discord shows other markup in menus as text"


def _check_embed(embed: discord.Embed, shown: OutgoingMessage) -> None:
    texts = {256: embed.title or "", 4096: embed.description or "", 2048: embed.footer.text or ""}
    assert any(texts.values())
    for limit, text in texts.items():
        assert utf16_length(text) <= limit
    assert is_balanced(embed.description or "")
    assert find_foreign_markup(embed.title or "") == find_foreign_markup(embed.description or "") == []
    assert not INVISIBLE & set(find_active_markup(embed.footer.text or ""))
    if embed.image.url:
        assert embed.image.url.removeprefix("attachment://") in {file.name for file in shown.files}


def find_foreign_markup(text: str) -> list[str]:
    """Return active markup in a text that the bot did not write itself."""
    return find_active_markup(OWN_MARKUP.sub("", text))


def visible_text(shown: OutgoingMessage) -> str:
    """Return the visible text of a message."""
    words = [shown.content]
    for embed in shown.embeds:
        words += [embed.title or "", embed.description or "", embed.footer.text or ""]
    words += [button.label for row in shown.buttons for button in row]
    for menu in (item for row in shown.buttons for item in row if isinstance(item, Menu)):
        words += [text for option in menu.options for text in (option.label, option.description)]
    return "\n".join(words)
