"""Parse a message like Discord's apps and find active markup.

Follows the rules of Discord's parser: at each position, escapes, code blocks and code spans come first, then links,
mentions and other markup. It shares no code with `bot.render`.
"""

from __future__ import annotations

import re

ESCAPE = re.compile(r"\\[^0-9A-Za-z\s]")
BLOCK = re.compile(r"```(?:[a-z0-9_+\-.#]+?\n)?\n*([^\n][\s\S]*?)\n*```", re.IGNORECASE)
SPAN = re.compile(r"(`+)([\s\S]*?[^`])\1(?!`)")
ACTIVE_MARKUP = {
    "masked link": re.compile(r"\[(?:\[[^\]]*\]|[^\[\]])*\]\(\s*<?[a-z][a-z0-9+.\-]*:[^)]*\)", re.IGNORECASE),
    "address": re.compile(r"[a-z][a-z0-9+.\-]*://\S", re.IGNORECASE),
    "mention": re.compile(r"<@[!&]?\d*>?|@(?:everyone|here)", re.IGNORECASE),
    "channel": re.compile(r"<#\d*>?|<id:\w+"),
    "timestamp": re.compile(r"<t:-?\d"),
    "emoji": re.compile(r"<a?:\w+:\d"),
    "command": re.compile(r"</[^>\n]+:\d"),
    "mail or phone": re.compile(r"<(?:[^ >]+@[^ >]+|[^: >]+:/[^ >]+|\+\d+|mailto:[^>]*|tel:[^>]*|sms:[^>]*)>"),
    "spoiler": re.compile(r"\|\|"),
}
LINE = re.compile(r"#{1,3} |-# |>>> ")
INVITE = re.compile(
    r"discord(?:app)?\.(?:gg|gift|new)/|discord(?:app)?\.com/(?:invite|oauth2|template|gift)", re.IGNORECASE
)
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
SURROGATE = re.compile("[\ud800-\udfff]")


def find_active_markup(text: str) -> list[str]:
    """Return the markup that is clickable, pings or hides content."""
    found = [
        name for name, marks in (("invite", INVITE), ("hidden", HIDDEN), ("surrogate", SURROGATE)) if marks.search(text)
    ]
    at = 0
    while at < len(text):
        code = ESCAPE.match(text, at) or BLOCK.match(text, at) or SPAN.match(text, at)
        if code is not None:
            at = code.end()
            continue
        found += [f"{name}: {match[0]}" for name, marks in ACTIVE_MARKUP.items() if (match := marks.match(text, at))]
        if (at == 0 or text[at - 1] == "\n") and (match := LINE.match(text, at)):
            found.append(f"line: {match[0]}")
        at += 1
    return found


def is_balanced(text: str) -> bool:
    """Return whether every code block is closed."""
    return text.count("```") % 2 == 0
