"""Read subtitles and transcripts with times: SRT, WebVTT, SBV."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import Element
from pipeline.text.cleaning import clean_text
from pipeline.text.scripts import separator_of_lines

_TIMING = re.compile(
    r"^[ \t]*(?:(\d{1,3}):)?(\d{1,2}):(\d\d)[.,]\d{1,3}\s*(?:-->|,)\s*(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}.*$",
    re.MULTILINE,
)
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^<>]{1,100})>")
_TAG = re.compile(r"</?[a-zA-Z0-9][^<>]{0,200}>|\{\\[^{}]*\}|\{[biuyYcC]:?[^{}]{0,20}\}")
_SPEAKER = re.compile(r"(?:>>|-)?\s*[^\W\d_][\w .'-]{0,30}:\s|>>\s|[-–]\s")
_SENTENCE_END = re.compile(r"[.!?…。！？]['\"”’»)\]]*$")
_PARAGRAPH_CHARS = 500
"""Characters after which the next end of a sentence ends the paragraph, so that its time is close to its words."""
_PAUSE_S = 30
_RECENT_LINES = 2


@dataclass(frozen=True, slots=True)
class Cue:
    """The lines that are shown at one time."""

    seconds: int
    lines: tuple[str, ...]


def read_subtitles(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Join the cues into paragraphs that start with their time."""
    text = clean_text(file.text)
    cues = list(_read_cues(text))
    if not cues:
        return Reading([Element("paragraph", text)])
    return Reading([Element("paragraph", paragraph) for paragraph in _build_paragraphs(cues)])


def _read_cues(text: str) -> Iterator[Cue]:
    matches = list(_TIMING.finditer(text))
    if not matches:
        return
    if head := _clean_head(text[: matches[0].start()]):
        yield Cue(0, (head,))
    recent: list[str] = []
    for match, following in zip(matches, [*matches[1:], None], strict=True):
        body = text[match.end() : following.start() if following else len(text)]
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        lines = [line for line in map(_clean_line, _cut_identifier(body, last=following is None)) if line]
        # Rolling captions show each line two or three times, the speaker only once.
        new = [line for line in lines if not any(shown.endswith(line) for shown in recent)]
        recent = (recent + new)[-_RECENT_LINES:]
        if new:
            yield Cue(3600 * hours + 60 * minutes + seconds, tuple(new))


def _clean_head(head: str) -> str:
    """Return the text above the first cue without the lines of the format."""
    lines = [line.strip() for line in head.split("\n")]
    lines = [line for line in lines if not re.fullmatch(r"WEBVTT.*|\d*|(?:Kind|Language|NOTE|STYLE|REGION)\b.*", line)]
    return "" if any(re.search(r"[{}]", line) for line in lines) else " ".join(lines)


def _cut_identifier(body: str, *, last: bool) -> list[str]:
    """Return the lines of a cue without the identifier of the next one and without notes and styles."""
    blocks = re.split(r"\n[ \t]*\n", body.strip("\n"))
    directly_above = not last and body.endswith("\n") and not body.endswith("\n\n")
    if directly_above and (len(blocks) > 1 or "\n" in blocks[-1]):
        above, _, identifier = blocks[-1].rpartition("\n")
        if not above or identifier.strip().isdigit():
            blocks[-1] = above
    return [line for block in blocks if not re.match(r"(?:NOTE|STYLE|REGION)\b", block) for line in block.split("\n")]


def _clean_line(line: str) -> str:
    if not any(sign in line for sign in "<{&\\"):
        return " ".join(line.split())
    voiced = _VOICE.sub(r"\1: ", line)
    return " ".join(html.unescape(_TAG.sub("", voiced).replace(r"\N", " ")).split())


def _build_paragraphs(cues: list[Cue]) -> Iterator[str]:
    start, text, previous = 0, "", 0
    for cue in cues:
        line = " ".join(cue.lines) if not any(map(_SPEAKER.match, cue.lines[1:])) else "\n".join(cue.lines)
        ended = bool(_SENTENCE_END.search(text))
        if text and ((ended and len(text) > _PARAGRAPH_CHARS) or cue.seconds - previous > _PAUSE_S):
            yield f"{_format_time(start)} {text}"
            text = ""
        if not text:
            start, text = cue.seconds, line
        else:
            text += ("\n" if _SPEAKER.match(line) else separator_of_lines(text, line)) + line
        previous = cue.seconds
    if text:
        yield f"{_format_time(start)} {text}"


def _format_time(seconds: int) -> str:
    return f"[{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}]"
