"""Print how many words the parser loses and how long it takes, per format.

    .venv/bin/python -m benchmarks.reading [--detail] FOLDER...

The parser is the one of the current checkout, so that two checkouts can be compared.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from pathlib import Path

from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.errors import RefdeskError
from pipeline.types import ParsedDocument, Source
from tests.source_words import find_lost_units, read_source_units


def main() -> None:
    """Parse every file and print one line per format."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    arguments.add_argument("--detail", action="store_true", help="Print the lost words of each file.")
    options = arguments.parse_args()
    files: Counter[str] = Counter()
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: dict[str, float] = defaultdict(float)
    parser = KreuzbergParser(timeout_s=120)
    parser.parse(Source("warm-up.txt", b"Warm up."))
    for path in sorted(p for folder in options.folders for p in folder.rglob("*") if p.is_file()):
        kind = path.suffix[1:].lower()
        content = path.read_bytes()
        started = time.perf_counter()
        try:
            parsed = parser.parse(Source(path.name, content))
        except RefdeskError as error:
            totals[kind][error.name] += 1
            continue
        finally:
            seconds[kind] += time.perf_counter() - started
        files[kind] += 1
        units = read_source_units(path.name, content)
        if units is None:
            totals[kind]["unchecked"] += 1
            continue
        lost = find_lost_units(units, join_text(parsed), unique=kind == "pdf")
        totals[kind].update(words=units.total(), lost=lost.total())
        if lost and options.detail:
            print(f"{path}: {lost.total()} of {units.total()} lost: {dict(lost.most_common(25))}")
    parser.close()
    for kind in sorted(seconds):
        counts = totals[kind]
        others = {name: n for name, n in counts.items() if name not in ("words", "lost")}
        print(
            f"{kind:6} {files[kind]:4} files {counts['words']:8} words {counts['lost']:6} lost "
            f"{seconds[kind]:7.2f} s {others or ''}"
        )


def join_text(parsed: ParsedDocument) -> str:
    """Return all stored text: title, headings once per block, and the blocks."""
    return "\n".join([parsed.title, *("\n".join([*block.headings, block.text]) for block in parsed.blocks)])


if __name__ == "__main__":
    main()
