"""Text of people, documents and models, made harmless: it can be read and copied, but not ping, link or disguise."""

from __future__ import annotations

import re

from bot.render.markdown import CodeBlock, CodeSpan, Prose, blocks, fence_tables, one_line, spans
from bot.render.split import cut

ZERO_WIDTH_SPACE = "\u200b"
TICK = "\u02cb"
"""Stands for a backtick that is no code mark, so that every code mark in what we send is ours."""

_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
"""Controls, direction marks, characters without width or ink, and tags: what hides text or turns it round."""
_JOINERS = re.compile(r"(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]+(?![^\x00-\x7f])")
"""Joiners are letters' business in some scripts and in emoji; beside ASCII they only hide."""
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_STACKED = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
"""More than three marks on one letter, which run over the lines above and below."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.\-]{0,20}://"
_ADDRESS = _SCHEME + r"[^\s<>`\"\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\u2018-\u201f]*"
_MASKED = re.compile(r"!?\[(?P<label>[^\[\]\n]{0,300})\]\([ \t]*<?(?P<target>[^()\s<>]{0,2000}+)>?[^()\n]{0,300}+\)")
_INVITE = re.compile(
    r"(?i)(discord(?:app)?)\.(?=(?:gg|gift|new|me|io|li)[/\\]"
    r"|com[/\\](?:invite|oauth2|template|gifts?|billing|events|activities|application-directory|discovery|servers|shop)\b)"
)
_LINK_TARGET = re.compile(r"\](?=\(\s*<?[A-Za-z][A-Za-z0-9+.\-]{0,20}:)")
_OPEN_ANGLE = re.compile(r"<[^\s>]*\Z")
_ANGLED = (
    r"<(?:[@#][!&]?\w*|a?:\w{1,64}:\d+|t:-?\d+(?::\w)?|id:\w+|/[^<>\n]{1,100}:\d+|\+[^\s<>`]{1,40}"
    r"|(?:mailto|tel|sms):[^\s<>`]{0,200}|[^\s<>:`]{1,40}:/[^\s<>`]{0,2000}|[^\s<>@`]{1,100}@[^\s<>`]{1,200})>"
)
"""Mentions, emoji, timestamps, commands, addresses of mail and others: all that Discord finds in angle brackets."""
_URL = re.compile(rf"<(?P<enclosed>{_ADDRESS})>|(?P<angled>{_ANGLED})|(?P<bare>{_ADDRESS})")
_ANGLE = re.compile(r"<(?=[@#:/+]|[^\s<>]{1,100}[@:])")
_EVERYONE = re.compile(r"(?i)@(?=everyone|here)")
_LEADS = r"(?m)^((?:[ \t]{0,8}(?:>|[*+-]|\d{1,4}\.)(?=[ \t]))*[ \t]*)"
_SUBTEXT = re.compile(_LEADS + r"-#[ \t]+")
_HEADING = re.compile(_LEADS + r"#{1,6}[ \t]+(\S.*)$")
_LONG_QUOTE = re.compile(r"(?m)^([ \t]*)>>>")
_MARKUP = re.compile(r"\A[-#>+]|[\\*_~|\[\]<]|(?<=\])\(|:(?=/)")
_JUMP = re.compile(
    r"https://(?:(?:ptb|canary)\.)?discord(?:app)?\.com/channels/(?:@me|\d{1,20})/\d{1,20}(?:/\d{1,20})?"
)


def clean(text: str) -> str:
    """Drop what cannot be seen, cannot be sent or turns text round."""
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore")
    text = _LINE_ENDS.sub("\n", text)
    text = _JOINERS.sub("", _INVISIBLE.sub("", text))
    return _STACKED.sub(r"\1", text)


def neutral(text: str) -> str:
    """Make a longer text harmless; bold, lists and code stay, links become text, tables become code blocks."""
    written = _SafeTextBuilder()
    for outer in blocks(clean(text)):
        if isinstance(outer, CodeBlock):
            written.add_block(CodeBlock(outer.language, _defang(outer.code)))
            continue
        for block in blocks(fence_tables(outer.text)):
            if isinstance(block, CodeBlock):
                written.add_block(CodeBlock(block.language, _defang(block.code)))
                continue
            for part in spans(block.text):
                written.add(inline_code(part.code) if isinstance(part, CodeSpan) else _neutral_prose(part))
    return re.sub(r"\n{3,}", "\n\n", str(written)).strip()


def title(text: str, limit: int = 100) -> str:
    """Make a title or a file name harmless within a line, cut to `limit` characters."""
    escaped = _MARKUP.sub(r"\\\g<0>", plain(text, limit).replace("`", TICK))
    return _EVERYONE.sub(f"@{ZERO_WIDTH_SPACE}", escaped.replace(r"\<", rf"\<{ZERO_WIDTH_SPACE}"))


def plain(text: str, limit: int = 100) -> str:
    """Make a line for places that know no markup, such as footers and labels of buttons."""
    return cut(_defang(" ".join(clean(text[: limit * 10]).split())), limit)


def inline_code(text: str, limit: int = 500) -> str:
    """Show a text as code within a line; nothing when there is nothing to show."""
    code = plain(text, limit).replace("`", TICK)
    return f"`{code}`" if code else ""


def quote(text: str, limit: int) -> str:
    """Show a passage as a quotation of one line, without code blocks, headings or tables."""
    line = " ".join(neutral(cut(one_line(clean(text)), limit)).split())
    return f"> {line}" if line else ""


def jump_link(address: str) -> str:
    """Give a link to a message or channel of Discord as it came, and nothing for every other address."""
    return address if _JUMP.fullmatch(address) else ""


def _neutral_prose(prose: Prose) -> str:
    text = prose.text.replace("`", TICK)
    text = _MASKED.sub(_unmask, text).replace("](", "] (")
    text = _LONG_QUOTE.sub(r"\1>", _SUBTEXT.sub(r"\1", text))
    text = _HEADING.sub(lambda m: f"{m[1]}**{m[2].rstrip('# ').replace('*', '')}**", text)
    pieces = _SafeTextBuilder()
    at = 0
    for match in _URL.finditer(text):
        kept = _trimmed(match["bare"]) if match["bare"] else match["enclosed"] or match["angled"]
        pieces.add(_inert(text[at : match.start()]))
        pieces.add(f"`{_defang(kept)}`")
        at = match.end() - (len(match["bare"] or "") - len(kept) if match["bare"] else 0)
    pieces.add(_inert(text[at:]))
    return str(pieces)


def _inert(text: str) -> str:
    text = _ANGLE.sub(f"<{ZERO_WIDTH_SPACE}", text)
    text = _EVERYONE.sub(f"@{ZERO_WIDTH_SPACE}", text)
    return _defang(re.sub(r"\|(?=\|)", f"|{ZERO_WIDTH_SPACE}", text))


def _trimmed(address: str) -> str:
    end = len(address)
    open_round = address.count("(") - address.count(")")
    while end and (address[end - 1] in ".,:;!?]}*_~|'" or (address[end - 1] == ")" and open_round < 0)):
        open_round += address[end - 1] == ")"
        end -= 1
    return address[:end]


def _unmask(match: re.Match[str]) -> str:
    label, target = match["label"].strip(), match["target"]
    shown = f"[{label}]" if label.isdigit() else label
    if not re.match(_SCHEME, target):
        return shown
    return target if label in {"", target} else f"{shown} ({target})"


def _defang(text: str) -> str:
    # Discord looks for invites in the raw message, code and all; and a bracket before a code block may find its link in
    # there. So these two are broken visibly.
    return _LINK_TARGET.sub("] ", _INVITE.sub(r"\1[.]", text))


class _SafeTextBuilder:
    """Puts pieces together so that no code mark touches another or is escaped by what stands before it."""

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
