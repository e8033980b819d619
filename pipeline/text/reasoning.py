"""Remove what chat templates leak into replies: reasoning, control tokens, the name of the role.

Models put reasoning before the answer and control tokens at its ends, so only these positions are searched, outside of
code. An answer about HTML that quotes `<think>` in its text keeps it.
"""

from __future__ import annotations

import re

_WORDS = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad|analysis)"
_SPECIAL = r"<[|\uff5c][^|\uff5c<>\n]{1,40}[|\uff5c]>"
_OPEN = re.compile(
    rf"<\|?(?:\w{{1,12}}[:_])?{_WORDS}(?:\s[^<>\n]{{0,80}})?\|?>"
    r"|\[THINK\]|\u25c1think\u25b7|<unused94>(?:thought)?|<\|(?:begin_of_thought|START_THINKING)\|>"
    r"|<details\s[^<>\n]{0,80}reasoning[^<>\n]{0,80}>",
    re.IGNORECASE,
)
_CLOSE = re.compile(
    rf"<\|?/(?:\w{{1,12}}[:_])?{_WORDS}\|?>"
    r"|\[/THINK\]|\u25c1/think\u25b7|<unused95>|<\|(?:end_of_thought|END_THINKING)\|>|</details>",
    re.IGNORECASE,
)
_BLOCK_START = re.compile(rf"^[ \t]*(?:{_OPEN.pattern})", re.IGNORECASE | re.MULTILINE)
# The channels of gpt-oss ("harmony"), with their tokens or with the tokens removed by the server.
_CHANNEL = re.compile(r"(?:<\|start\|>assistant)?<\|channel\|>", re.IGNORECASE)
_FINAL_CHANNEL = re.compile(
    r"<\|channel\|>\s*final\b[^<]{0,40}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>", re.IGNORECASE
)
_BARE_CHANNEL = re.compile(r"(?:assistant)?(?:analysis|commentary)(?![ ,.:a-z]|$)")
_BARE_FINAL = re.compile(r"assistant\s?final(?![a-z])|(?<=\n)final(?=[A-Z])")
_BARE_ANSWER = re.compile(r"(?:assistant\s?)?final(?=[A-Z])")
_BEGIN = re.compile(
    rf"{_SPECIAL}(?:assistant\b)?|<s>|<bos>|<start_of_turn>(?:model\b)?|\[/?INST\]"
    r"|(?:\*\*)?(?:assistant|final answer|answer)(?:\*\*)?[ \t]?[:\uff1a](?:\*\*)?(?=\s)",
    re.IGNORECASE,
)
_WRAPPER = re.compile(r"<((?:final_)?answer|response|output|result)>(.*?)(?:</\1>|\Z)", re.IGNORECASE | re.DOTALL)
_TOKEN = rf"(?:{_SPECIAL}|</s>|<eos>|<pad>|<end_of_turn>|\[/?INST\]|\[EOS\])"
_END = re.compile(rf"{_TOKEN}(?=\s{{0,20}}(?:\Z|{_TOKEN})|\n)", re.IGNORECASE)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]{1,300}`", re.DOTALL)
_LEAK_POSITION = re.compile(r"(?:\n|[.!?\u3002\uff01\uff1f\u2026:\"\u201d)\]}])\s{0,20}\Z")
_SPACE = re.compile(r"\s*")
_LETTER = re.compile(r"[^\W\d_]")
# A tag or token at the end of a stream that may not be complete yet.
_PARTIAL = re.compile(r"[<\[\u25c1][^<>\[\]\u25b7\s]{0,40}\Z")
# Beginnings of reasoning whose opening tag is part of the prompt, so that the reply starts without it.
_REASONING_START = re.compile(
    r"(?:ok(?:ay)?|al(?:l )?right|hm+|well|wait|got it|let(?: me|'s|\u2019s| us)|first,? (?:i|let)|now,? (?:i|let|we)"
    r"|i(?:'ll|\u2019ll| need| should| have| will| must| am)|we (?:need|have|should|must|are)|the (?:user|question)"
    r"|user|so,? (?:the|i|we)|looking at|to answer|thinking)\b"
    r"|好的|嗯|首先|用户|我(?:需要|来|们)|让我",
    re.IGNORECASE,
)


def remove_reasoning(text: str) -> str:
    """Return a reply without reasoning, control tokens and role name; empty if it consists of reasoning only."""
    return _remove(text, is_complete=True)


def remove_streamed_reasoning(so_far: str) -> str:
    """Return the part of an unfinished reply that is certainly no reasoning.

    Reasoning may start without a tag; then a reply that begins like reasoning is withheld until it is complete.
    """
    text = _remove(so_far, is_complete=False)
    return "" if _REASONING_START.match(text) else _PARTIAL.sub("", text)


def _remove(text: str, *, is_complete: bool) -> str:
    text = _unwrap(_remove_block(_remove_beginning(text, is_complete=is_complete), is_complete=is_complete))
    masked = _mask_code(text)
    end = next((m for m in _END.finditer(masked) if m[0] != "</s>" or "<s>" not in masked[: m.start()]), None)
    return (text if end is None else text[: end.start()]).strip()


def _remove_beginning(text: str, *, is_complete: bool) -> str:
    at = 0
    while True:
        at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
        if _CHANNEL.match(text, at) or _BARE_CHANNEL.match(text, at):
            final = [*_FINAL_CHANNEL.finditer(text, at), *_BARE_FINAL.finditer(text, at)]
            return text[final[-1].end() :] if final else ""
        if opened := _OPEN.match(text, at):
            at = _find_close(text, opened.end(), is_complete=is_complete)
        elif begin := _BEGIN.match(text, at) or _BARE_ANSWER.match(text, at):
            at = begin.end()
        else:
            return text[at:]


def _find_close(text: str, start: int, *, is_complete: bool) -> int:
    """Return the end of the block of reasoning that begins before `start`: outside of code if possible."""
    close = _CLOSE.search(text, start)
    if close and "`" in text[start : close.start()]:
        # In an unfinished reply, a code span may not have its end yet.
        masked = _mask_code(text if is_complete else f"{text}`")
        close = _CLOSE.search(masked, start, len(text)) or (close if is_complete else None)
    return close.end() if close else len(text)


def _remove_block(text: str, *, is_complete: bool) -> str:
    """Remove a block that begins on a line of its own, or everything up to a closing tag without an opening one."""
    masked = _mask_code(text)
    if opened := _BLOCK_START.search(masked):
        end = _find_close(text, opened.end(), is_complete=is_complete)
        return text[: opened.start()] + text[end:]
    first_open = _OPEN.search(masked)
    for close in reversed(list(_CLOSE.finditer(masked, 0, first_open.start() if first_open else len(masked)))):
        before = masked[max(0, close.start() - 30) : close.start()]
        if (_LEAK_POSITION.search(before) or not close.start()) and _LETTER.search(text, close.end()):
            return text[close.end() :]
    return text


def _unwrap(text: str) -> str:
    wrapped = _WRAPPER.match(text.lstrip())
    return wrapped[2] if wrapped else text


def _mask_code(text: str) -> str:
    """Replace code with spaces; the length does not change."""
    return _CODE.sub(lambda match: " " * len(match[0]), text) if "`" in text else text
