"""Read plain text: paragraphs, underlined headings, drawn tables, chats, and questions with their answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence

from pipeline.backends.documents.readers.chat_text import read_chat
from pipeline.backends.documents.readers.text_tables import split_text_tables
from pipeline.backends.documents.reading import File, NestedReader, Reading
from pipeline.parse import MAX_HEADING_CHARS, Element
from pipeline.text.cleaning import clean_text

_PARAGRAPHS = re.compile(r"\n[ \t]*\n(?:[ \t]*\n)*")
_UNDERLINE = re.compile(r"([=\-~^*#\"'`+])\1{2,}\s*")
_NOTE = re.compile(r"^\.\. (note|warning|tip|important|caution|attention|hint|danger)::[ \t]*", re.MULTILINE)
_NUMBER = r" ?(?:#|Nr\.?|No\.?)? ?\d{0,3} ?"
_QUESTION = re.compile(
    rf"^[ \t]*(?:\*\*)?(?:Q|Question|F|Frage|Pregunta|P|Domanda|D|Vraag|问|問|问题|問題|質問|질문|В|Вопрос){_NUMBER}"
    r"(?:\*\*)?[:.：、)）](?:\*\*)?(?=\s*\S)",
    re.MULTILINE,
)
_ANSWER = re.compile(
    rf"^[ \t]*(?:\*\*)?(?:A|Answer|Antwort|Réponse|R|Respuesta|Risposta|Antwoord|答|答案|回答|답변|답|О|Ответ){_NUMBER}"
    r"(?:\*\*)?[:.：、)）](?:\*\*)?",
    re.MULTILINE,
)
_MAX_ANSWER_CHARS = 2_000
"""Characters up to which the further paragraphs of an answer are joined to its question."""
_MAX_QUESTION_CHARS = 250


def read_plain(file: File, read_nested: NestedReader) -> Reading:  # noqa: ARG001 - reads no nested files
    """Read a plain text."""
    return Reading(read_plain_text(clean_text(file.text)))


def read_plain_text(text: str) -> list[Element]:
    """Build the elements of a plain text."""
    chat = read_chat(text)
    if chat is not None:
        return chat
    paragraphs = [part for part in _PARAGRAPHS.split(text) if part.strip()]
    return [element for part in _join_answers(paragraphs) for element in _read_paragraph(part)]


def build_paragraphs(text: str) -> list[Element]:
    """Build one paragraph for each run of lines between blank lines."""
    return [Element("paragraph", part) for part in _PARAGRAPHS.split(text)]


def _read_paragraph(text: str) -> Iterator[Element]:
    lines = text.split("\n")
    title, consumed = _read_heading(lines)
    if title is not None:
        yield title
    for is_table, part in split_text_tables(lines[consumed:]):
        if is_table:
            yield Element("table", part)
        else:
            yield Element("paragraph", _NOTE.sub(_format_note, part.lstrip()))


def _format_note(match: re.Match[str]) -> str:
    return f"{match[1].capitalize()}: "


def _read_heading(lines: Sequence[str]) -> tuple[Element | None, int]:
    """Return the heading at the start of a paragraph, underlined by at least its length, and its number of lines."""
    for above in (0, 1):  # reStructuredText may draw a line above the title as well
        if len(lines) < above + 2 or (above and not _UNDERLINE.fullmatch(lines[0])):
            continue
        title, rule = lines[above], lines[above + 1]
        fits = 0 <= len(rule.strip()) - len(title.strip()) <= 4 and 0 < len(title.strip()) <= MAX_HEADING_CHARS
        if fits and _UNDERLINE.fullmatch(rule) and re.search(r"[^\W\d_]", title) and not re.search(r"\S {3,}\S", title):
            level = 1 if rule.strip()[0] in "=#*" else 2
            return Element("heading", title.strip(), level=level), above + 2
    return None, 0


# ------------------------------------------------------------------ questions and answers
def _join_answers(paragraphs: Sequence[str]) -> Iterator[str]:
    """Join each question with the paragraphs of its answer, so that no chunk separates them."""
    labelled = sum(1 for part in paragraphs for _ in _QUESTION.finditer(part))
    answers = sum(1 for part in paragraphs for _ in _ANSWER.finditer(part))
    if min(labelled, answers) > 1 or labelled == answers == 1:
        return _group(_split_pairs(paragraphs), _starts_pair)
    questions = sum(map(_is_question, paragraphs))
    if questions > 1 and 5 * questions >= len(paragraphs):
        return _group(paragraphs, _is_question)
    return iter(paragraphs)


def _split_pairs(paragraphs: Sequence[str]) -> list[str]:
    """Split paragraphs in which several questions follow each other without blank lines."""
    parts: list[str] = []
    for text in paragraphs:
        starts = [match.start() for match in _QUESTION.finditer(text)]
        bounds = sorted({0, *starts, len(text)})
        pieces = [text[start:end].strip("\n") for start, end in itertools.pairwise(bounds)]
        parts += [piece for piece in pieces if piece.strip()]
    return parts


def _starts_pair(text: str) -> bool:
    return _QUESTION.match(text) is not None


def _is_question(text: str) -> bool:
    line = text.strip()
    return "\n" not in line and len(line) <= _MAX_QUESTION_CHARS and line.rstrip("*_ ").endswith(("?", "？"))


def _group(paragraphs: Sequence[str], is_start: Callable[[str], bool]) -> Iterator[str]:
    pair: list[str] = []
    for text in paragraphs:
        fits = sum(map(len, pair)) + len(text) <= _MAX_ANSWER_CHARS
        if pair and fits and not is_start(text):
            pair.append(text)
            continue
        if pair:
            yield "\n".join(pair)
        pair = [text] if is_start(text) else []
        if not pair:
            yield text
    if pair:
        yield "\n".join(pair)
