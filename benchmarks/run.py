"""Run the benchmarks and write docs/performance.md.

    make bench                                   # or: .venv/bin/python -m benchmarks.run
    .venv/bin/python -m benchmarks.run --only ingest,rerank --chunks 1500 --rounds 2
    .venv/bin/python -m benchmarks.run --quick   # smallest sizes; the page is printed and not written

Each part runs in a separate process, so that no part inherits memory, threads or loaded libraries, and a part that
fails does not end the others. Its result is stored in docs/performance/PART.json; the page is rendered from all stored
results.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.page import render_page, write_page
from benchmarks.parts import PARTS
from benchmarks.results import Options, load_result, save_result

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--only", help=f"Parts to run, separated by commas: {', '.join(PARTS)}.")
    parser.add_argument("--chunks", type=int, help="Chunks to ingest, or to fill the store with.")
    parser.add_argument("--rounds", type=int, help="Alternating rounds.")
    parser.add_argument("--minutes", type=float, help="Minutes of `load`.")
    parser.add_argument("--quick", action="store_true", help="Smallest sizes; print the page instead of writing it.")
    parser.add_argument("--render", action="store_true", help="Write the page from the stored results only.")
    parser.add_argument("--peers", type=Path, default=ROOT.parent / "shared" / "peers", help="Drivers of the peers.")
    parser.add_argument("--peers-python", type=Path, help="Interpreter of the environment with the peers.")
    parser.add_argument("--keep", type=Path, help="Keep the stores of `scale` in this folder, and use those in it.")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)  # measure one part in this process
    parsed = parser.parse_args(arguments)
    parsed.parts = parsed.only.split(",") if parsed.only else [name for name, part in PARTS.items() if not part.is_long]
    if unknown := [name for name in parsed.parts if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]!r}; parts are {', '.join(PARTS)}")
    return parsed


def measure(part: str, arguments: argparse.Namespace) -> None:
    """Measure one part in this process and store its result."""
    options = Options(
        quick=arguments.quick,
        chunks=arguments.chunks,
        rounds=arguments.rounds,
        minutes=arguments.minutes,
        peers=arguments.peers,
        peers_python=arguments.peers_python,
        keep=arguments.keep,
    )
    started = time.monotonic()
    result = importlib.import_module(PARTS[part].module).run_benchmark(options)
    save_result(result.stamp(time.monotonic() - started), arguments.into)


def measure_separately(part: str, folder: Path, arguments: Sequence[str]) -> bool:
    """Measure one part in a new process and return whether it succeeded."""
    print(f"── {part}", flush=True)
    command = [sys.executable, "-m", "benchmarks.run", *arguments, "--only", part, "--into", str(folder)]
    finished = subprocess.run(command, cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=False)
    if finished.returncode:
        print(f"{part} failed with exit code {finished.returncode}; its stored result is unchanged.", flush=True)
    return finished.returncode == 0


def main() -> int:
    """Measure the selected parts and write the page; return 1 if a part failed."""
    arguments = parse_arguments()
    if arguments.into is not None:
        measure(arguments.parts[0], arguments)
        return 0
    sections = {name: part.section for name, part in PARTS.items()}
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as temporary:
        folder = Path(temporary) if arguments.quick else PAGE.with_suffix("")
        parts = [] if arguments.render else arguments.parts
        succeeded = [measure_separately(part, folder, sys.argv[1:]) for part in parts]
        results = [load_result(path) for path in sorted(folder.glob("*.json"))]
        if arguments.quick:
            print(render_page(results, sections))
        else:
            write_page(results, sections, PAGE)
            print(f"{PAGE.relative_to(ROOT)} written")
    return 0 if all(succeeded) else 1


if __name__ == "__main__":
    sys.exit(main())
