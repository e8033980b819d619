"""Escape text of users, documents and models: it stays readable but cannot ping, link or hide content."""

from __future__ import annotations

import re

from bot.render.discord_markdown import (
    CodeBlock,
    CodeSpan,
    Prose,
    fence_tables,
    flatten_to_line,
    split_blocks,
    split_spans,
)
from bot.render.split import truncate
from pipeline.text.cleaning import unify_line_ends
from pipeline.text.scripts import CJK_PUNCTUATION, FULLWIDTH_PUNCTUATION

ZERO_WIDTH_SPACE = "\u200b"
BACKTICK_SUBSTITUTE = "\u02cb"
"""Replaces backticks outside code, so that untrusted text cannot open code markup."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Control characters, direction marks, invisible characters and tags, which can hide or reverse text."""
_JOINERS = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
"""Zero-width joiners are needed in some scripts and emoji; next to ASCII they only hide text."""
_STACKED_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""More than three combining marks on one letter, which overlap the lines above and below."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]{0,20}://"
_URL_CHARACTERS = rf"{_SCHEME}[^\s<>`\"{CJK_PUNCTUATION}{FULLWIDTH_PUNCTUATION}\u2018-\u201f]*"
_MASKED_LINK = re.compile(
    r"!?\[(?P<label>[^\[\]\n]{0,300})\]\([ \t]*<?(?P<target>[^()\s<>]{0,2000}+)>?[^()\n]{0,300}+\)"
)
_MAIL_OR_PHONE = re.compile(r"(?:mailto|tel):", re.IGNORECASE)
_INVITE = re.compile(
    r"(?i)(discord(?:app)?)\.(?=(?:gg|gift|new|me|io|li)[/\\]"
    r"|com[/\\](?:invite|oauth2|template|gifts?|billing|events|activities|application-directory|discovery|servers|shop)\b)"
)
_LINK_TARGET = re.compile(r"\](?=\(\s*<?[A-Za-z][A-Za-z0-9+.\-]{0,20}:)")
_OPEN_ANGLE = re.compile(r"<[^\s>]*\Z")
_ANGLE_BRACKET_MARKUP = (
    r"<(?:[@#][!&]?\w*|a?:\w{1,64}:\d+|t:-?\d+(?::\w)?|id:\w+|/[^<>\n]{1,100}:\d+|\+[^\s<>`]{1,40}"
    r"|(?:mailto|tel|sms):[^\s<>`]{0,200}|[^\s<>:`]{1,40}:/[^\s<>`]{0,2000}|[^\s<>@`]{1,100}@[^\s<>`]{1,200})>"
)
"""Everything that Discord interprets in angle brackets: mentions, emoji, timestamps, commands, mail addresses."""
_URL = re.compile(rf"<(?P<enclosed>{_URL_CHARACTERS})>|(?P<angled>{_ANGLE_BRACKET_MARKUP})|(?P<bare>{_URL_CHARACTERS})")
_ANGLE = re.compile(r"<(?=[@#:/+]|[^\s<>]{1,100}[@:])")
_EVERYONE = re.compile(r"(?i)@(?=everyone|here)")
_EMPHASIS = re.compile(r"(?<![\\\w])_+(?=\w)|(?<=[^\W_])_+(?!\w)")
"""Underscores that Discord would hide as markup, as in `__init__`."""
_LINE_PREFIX = r"(?m)^((?:[ \t]{0,8}(?:>|[*+-]|\d{1,4}\.)(?=[ \t]))*[ \t]*)"
_SUBTEXT = re.compile(_LINE_PREFIX + r"-#[ \t]+")
_HEADING = re.compile(_LINE_PREFIX + r"#{1,6}[ \t]+(\S.*)$")
_LONG_QUOTE = re.compile(r"(?m)^([ \t]*)>>>")
_MARKUP = re.compile(r"\A[-#>+]|[\\*_~|\[\]<]|(?<=\])\(|:(?=/)")
_MESSAGE_LINK = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/channels/(?:@me|\d{1,20})/\d{1,20}(?:/\d{1,20})?"
)


def strip_invisible(text: str) -> str:
    """Remove characters that are invisible, cannot be sent or reverse the text direction."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = unify_line_ends(text)
    text = _JOINERS.sub("", _INVISIBLE.sub("", text))
    return _STACKED_MARKS.sub(r"\1", text)


def escape_text(text: str) -> str:
    """Escape a multi-line text: bold, lists and code stay, links become text, tables become code blocks."""
    written = _SafeTextBuilder()
    for outer in split_blocks(strip_invisible(text)):
        if isinstance(outer, CodeBlock):
            written.add_block(CodeBlock(outer.language, _break_links(outer.code)))
            continue
        for block in split_blocks(fence_tables(outer.text)):
            if isinstance(block, CodeBlock):
                written.add_block(CodeBlock(block.language, _break_links(block.code)))
                continue
            for part in split_spans(block.text):
                written.add(format_inline_code(part.code) if isinstance(part, CodeSpan) else _escape_prose(part))
    return re.sub(r"\n{3,}", "\n\n", str(written)).strip()


def escape_title(text: str, limit: int = 100) -> str:
    """Escape a title or file name for use in a line of Markdown, truncated to `limit` characters."""
    escaped = _MARKUP.sub(r"\\\g<0>", plain_line(text, limit).replace("`", BACKTICK_SUBSTITUTE))
    return _EVERYONE.sub(f"@{ZERO_WIDTH_SPACE}", escaped.replace(r"\<", rf"\<{ZERO_WIDTH_SPACE}"))


def plain_line(text: str, limit: int = 100) -> str:
    """Return a single line for places without markup, such as footers and button labels."""
    return truncate(_break_links(" ".join(strip_invisible(text[: limit * 10]).split())), limit)


def format_inline_code(text: str, limit: int = 500) -> str:
    """Format a text as inline code; empty for an empty text."""
    code = plain_line(text, limit).replace("`", BACKTICK_SUBSTITUTE)
    return f"`{code}`" if code else ""


def format_quote(text: str, limit: int) -> str:
    """Format a passage as a one-line quote, without code blocks, headings or tables."""
    line = " ".join(escape_text(truncate(flatten_to_line(strip_invisible(text)), limit)).split())
    return f"> {line}" if line else ""


def message_link_or_empty(address: str) -> str:
    """Return the URL if it links to a Discord message or channel, otherwise an empty text."""
    return address if _MESSAGE_LINK.fullmatch(address) else ""


def _escape_prose(prose: Prose) -> str:
    text = prose.text.replace("`", BACKTICK_SUBSTITUTE)
    text = _MASKED_LINK.sub(_expand_masked_link, text).replace("](", "] (")
    text = _LONG_QUOTE.sub(r"\1>", _SUBTEXT.sub(r"\1", text))
    text = _HEADING.sub(lambda m: f"{m[1]}**{m[2].rstrip('# ').replace('*', '')}**", text)
    pieces = _SafeTextBuilder()
    at = 0
    for match in _URL.finditer(text):
        url = _trim_url(match["bare"]) if match["bare"] else match["enclosed"] or match["angled"]
        pieces.add(_escape_markup(text[at : match.start()]))
        pieces.add(f"`{_break_links(url)}`")
        at = match.end() - (len(match["bare"] or "") - len(url) if match["bare"] else 0)
    pieces.add(_escape_markup(text[at:]))
    return str(pieces)


def _escape_markup(text: str) -> str:
    text = _ANGLE.sub(f"<{ZERO_WIDTH_SPACE}", text)
    text = _EMPHASIS.sub(lambda match: match[0].replace("_", r"\_"), text)
    text = _EVERYONE.sub(f"@{ZERO_WIDTH_SPACE}", text)
    return _break_links(re.sub(r"\|(?=\|)", f"|{ZERO_WIDTH_SPACE}", text))


def _trim_url(address: str) -> str:
    end = len(address)
    open_round = address.count("(") - address.count(")")
    while end and (address[end - 1] in ".,:;!?]}*_~|'" or (address[end - 1] == ")" and open_round < 0)):
        open_round += address[end - 1] == ")"
        end -= 1
    return address[:end]


def _expand_masked_link(match: re.Match[str]) -> str:
    label, target = match["label"].strip(), match["target"]
    text = f"[{label}]" if label.isdigit() else label
    if scheme := _MAIL_OR_PHONE.match(target):
        target = target[scheme.end() :]
    elif not re.match(_SCHEME, target):
        return text
    return target if label in {"", target} else f"{text} ({target})"


def _break_links(text: str) -> str:
    # Discord detects invites in the raw message, even inside code, and a bracket before a code block can find its link
    # target inside it. Both are therefore broken visibly.
    return _LINK_TARGET.sub("] ", _INVITE.sub(r"\1[.]", text))


class _SafeTextBuilder:
    """Joins pieces so that code marks do not touch each other and are not escaped by preceding text."""

    def __init__(self) -> None:
        self._text = ""

    def add(self, piece: str) -> None:
        if self._text.endswith("\n```"):
            piece = "\n" + piece.lstrip("\n")
        elif piece.startswith("`") and (self._text.endswith(("`", "\\")) or _OPEN_ANGLE.search(self._text[-300:])):
            piece = " " + piece
        self._text += piece

    def add_block(self, fence: CodeBlock) -> None:
        above = self._text.rstrip()
        self._text = f"{above}\n{fence}" if above else str(fence)

    def __str__(self) -> str:
        return self._text
