"""Prompts as Markdown files, one per task and language, checked when they are loaded.

A file contains the sections `## System`, `## User`, optionally `## Repair`, and `## Output` with the JSON schema or the
format of the reply. The line `Placeholders: a, b` comes before them; a placeholder is written `{{a}}`. Text from
documents passes through `escape_passage`, so that it cannot close its own tag.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pipeline.text.passages import join_headings
from pipeline.text.scripts import HAN, HANGUL, KANA
from pipeline.types import ChatMessage, Exchange

Language = Literal["en", "zh"]

PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "pointwise": frozenset({"question", "title", "passage"}),
    "pointwise-5": frozenset({"question", "title", "passage"}),
    "pointwise-list": frozenset({"question", "passages"}),
    "pointwise-list-5": frozenset({"question", "passages"}),
    "pairwise": frozenset({"question", "title_a", "passage_a", "title_b", "passage_b"}),
    "listwise": frozenset({"question", "count", "passages"}),
    "listwise-reasons": frozenset({"question", "count", "explained", "passages"}),
    "pairwise-reasons": frozenset({"question", "passages"}),
    "answer": frozenset({"question", "passages", "conversation", "language"}),
    "rewrite": frozenset({"question", "conversation"}),
}
"""The placeholders of each prompt. A file that declares or uses others is invalid."""

MAX_QUOTED_CHARS = 1000
"""Maximum characters of an earlier question or answer in a prompt."""

LONGEST_TITLE = 200
"""Maximum characters of a title with its heading path in a prompt."""

_SECTION = re.compile(r"^## (\w+)[ \t]*$", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FENCED_JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)
# Characters that can open a tag or a control token of a chat template, including look-alikes. "a < b", "<5" and "<="
# cannot.
_TAG_OPENER = re.compile(
    r"[<\uff1c\ufe64](?:(?![\s\d=])|(?=\s*[/\uff0f])"
    r"|(?=\s+(?:passages?|question|documents?|conversation|exchange|system|think|answer)\b))",
    re.IGNORECASE,
)
# With full-width forms, which NFKC normalization turns into ASCII.
_INST_TAG = re.compile(
    r"[\[\uff3b](?=\s*[/\uff0f]?\s*[I\uff29][N\uff2e][S\uff33][T\uff34]\s*[\]\uff3d])", re.IGNORECASE
)
_CITATION_MARK = re.compile(r"[ \t]?\[\d{1,3}\]")
_CHINESE = re.compile(f"[{HAN}]")
_OTHER_EAST_ASIAN = re.compile(f"[{KANA}{HANGUL}]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """The prompt of a task in one language."""

    name: str
    language: Language
    system: str
    user: str
    repair: str
    schema: Mapping[str, Any] | None
    """JSON schema of the reply; None if the reply is prose."""
    sha256: str
    """SHA-256 of the file, stored with every answer that used it."""

    def messages(self, **values: str) -> list[ChatMessage]:
        """Return the messages with the placeholders replaced; the values are not searched for placeholders."""
        return [ChatMessage("system", _fill(self.system, values)), ChatMessage("user", _fill(self.user, values))]


@cache
def load_prompt(name: str, language: Language) -> Prompt:
    """Load and check one prompt; raise `ValueError` if the file is invalid."""
    text = files(__name__).joinpath(f"{name}.{language}.md").read_text(encoding="utf-8")
    return parse_prompt(name, language, text)


def parse_prompt(name: str, language: Language, text: str) -> Prompt:
    """Parse a prompt file and check its sections and placeholders."""
    head, *parts = _SECTION.split(text)
    sections = dict(zip(parts[0::2], (part.strip() for part in parts[1::2]), strict=True))
    file = f"{name}.{language}.md"
    if missing := {"System", "User", "Output"} - sections.keys():
        raise ValueError(f"The prompt {file} has no section {', '.join(sorted(missing))}.")
    filled = PLACEHOLDERS[name]
    declared = re.search(r"^Placeholders: (.*)$", head, re.MULTILINE)
    if declared is None or {word.strip() for word in declared[1].split(",")} != filled:
        raise ValueError(f"The prompt {file} must declare exactly these placeholders: {', '.join(sorted(filled))}.")
    used = {word for section in ("System", "User") for word in _PLACEHOLDER.findall(sections[section])}
    if used != filled:
        raise ValueError(f"The prompt {file} uses {sorted(used)}, but its placeholders are {sorted(filled)}.")
    schema = _FENCED_JSON.search(sections["Output"])
    return Prompt(
        name=name,
        language=language,
        system=sections["System"],
        user=sections["User"],
        repair=sections.get("Repair", ""),
        schema=json.loads(schema[1]) if schema else None,
        sha256=hashlib.sha256(text.encode("utf-8")).hexdigest(),
    )


def detect_language(text: str) -> Language:
    """Return `zh` if more than a third of the letters are Chinese and none is kana or hangul, else `en`."""
    chinese = len(_CHINESE.findall(text))
    if not chinese or _OTHER_EAST_ASIAN.search(text):
        return "en"
    return "zh" if chinese * 3 > sum(character.isalpha() for character in text) else "en"


def escape_passage(text: str) -> str:
    """Neutralize everything in a text that could close its tag or act as another role."""
    # U+2039, because tokenizers with NFKC normalization turn the full-width forms back into "<".
    return _INST_TAG.sub("[ ", _TAG_OPENER.sub("\u2039", text.replace("\x00", "")))


def quote_title(title: str, headings: Sequence[str]) -> str:
    """Quote a document title with its heading path for an attribute of a prompt's tag, which it cannot close."""
    path = join_headings((title, *headings))[:LONGEST_TITLE]
    return escape_passage(" ".join(path.replace('"', "'").split()))


def format_conversation(conversation: Sequence[Exchange]) -> str:
    """Format a conversation as quoted text, each exchange in a tag that it cannot close; empty without exchanges.

    Citation marks of earlier answers are removed, because their numbers mean other passages in the new prompt.
    """
    if not conversation:
        return ""
    exchanges = "\n".join(
        f"<exchange>\n{_quote(earlier.question)}\n---\n{_quote(_CITATION_MARK.sub('', earlier.answer))}\n</exchange>"
        for earlier in conversation
    )
    return f"<conversation>\n{exchanges}\n</conversation>\n\n"


def _quote(text: str) -> str:
    cut = text.strip()
    return escape_passage(cut if len(cut) <= MAX_QUOTED_CHARS else f"{cut[:MAX_QUOTED_CHARS]} \u2026")


def _fill(template: str, values: Mapping[str, str]) -> str:
    # A single pass over the template: a passage that contains "{{question}}" stays unchanged.
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)
