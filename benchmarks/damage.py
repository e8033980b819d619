"""Damage real files at random and print how reading them ends: no file may end the process that reads it.

    .venv/bin/python -m benchmarks.damage [--files N] [--seed N] FOLDER...

Each file is changed in one of six ways: bytes replaced, a part cut out, a part repeated, the end cut off, two files
joined, or numbers replaced by extreme ones. Exit status 1 if a crash, a time limit or an error without its sentence
occurred; a file that needs too much memory is allowed to.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.backends.documents.kreuzberg_parser import KreuzbergParser
from pipeline.errors import InvalidInput, ParserCrashed, ParserOutOfMemory, ParseTimeout, RefdeskError
from pipeline.types import Source

MAX_BYTES = 2_000_000
"""Larger files are left out: most of the time would go into them."""
TIMEOUT_S = 60
NUMBERS = re.compile(rb"\d+")
EXTREME = (b"0", b"-1", b"99999999999999999999", b"2147483648", b"65536")


def replace_bytes(content: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Replace up to 20 bytes."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 2, 5, 20))):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def cut_part(content: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Cut out a part."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randrange(1, 5000) :]


def repeat_part(content: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Repeat a part up to 100 times."""
    start = rng.randrange(len(content))
    part = content[start : start + rng.randrange(1, 2000)]
    return content[:start] + part * rng.randrange(2, 100) + content[start:]


def cut_end(content: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Cut off the end."""
    return content[: rng.randrange(1, len(content) + 1)]


def join_files(content: bytes, rng: random.Random, other: bytes) -> bytes:
    """Continue a file with the end of another."""
    return content[: rng.randrange(len(content))] + other[rng.randrange(len(other)) :]


def replace_numbers(content: bytes, rng: random.Random, _other: bytes) -> bytes:
    """Replace up to 10 numbers by extreme ones, such as lengths and counts in a PDF or XML file."""
    found = list(NUMBERS.finditer(content))
    for match in sorted(rng.sample(found, min(10, len(found))), key=lambda one: -one.start()):
        content = content[: match.start()] + rng.choice(EXTREME) + content[match.end() :]
    return content


WAYS: Sequence[Callable[[bytes, random.Random, bytes], bytes]] = (
    replace_bytes,
    cut_part,
    repeat_part,
    cut_end,
    join_files,
    replace_numbers,
)


def main() -> int:
    """Read the damaged files and print one line per outcome."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    arguments.add_argument("--files", type=int, default=10_000, help="Number of damaged files.")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    paths = sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file())
    originals = [(path.name, path.read_bytes()) for path in paths if 0 < path.stat().st_size <= MAX_BYTES]
    rng = random.Random(options.seed)
    outcomes: Counter[str] = Counter()
    failures: list[str] = []
    slowest_s = 0.0
    parser = KreuzbergParser(timeout_s=TIMEOUT_S)
    for number in range(options.files):
        name, content = rng.choice(originals)
        way = rng.choice(WAYS)
        damaged = way(content, rng, rng.choice(originals)[1])
        started = time.perf_counter()
        outcome, failure = _read(parser, Source(name, damaged))
        slowest_s = max(slowest_s, time.perf_counter() - started)
        outcomes[outcome] += 1
        if failure:
            failures.append(f"{number} {name} {way.__name__}: {failure}")
    parser.close()
    for outcome, count in outcomes.most_common():
        print(f"{outcome:20} {count:6}")
    print(f"{len(originals)} original files, seed {options.seed}, slowest file {slowest_s:.1f} s")
    print("\n".join(failures))
    return 1 if failures else 0


def _read(parser: KreuzbergParser, source: Source) -> tuple[str, str]:
    """Return how reading a file ended, and what is wrong with that; the latter is empty if nothing is."""
    try:
        parser.parse(source)
    except (ParserCrashed, ParseTimeout) as error:
        return error.name, str(error)
    except ParserOutOfMemory as error:
        return error.name, ""
    except InvalidInput as error:
        sentence = str(error)
        is_sentence = source.name in sentence and sentence.endswith(".")
        return error.name, "" if is_sentence else f"no sentence with the name of the file: {sentence}"
    except RefdeskError as error:
        return error.name, str(error)
    return "read", ""


if __name__ == "__main__":
    sys.exit(main())
