"""Print the CPU time that the parser needs per format, and its ratio to that of another checkout.

    .venv/bin/python -m benchmarks.parse_time [--old CHECKOUT] [--runs N] [--per-file] FOLDER...

The best run of each file counts. Text recognition and the parser's child process are not part of it. A file that only
one of the two checkouts reads does not count. The generated files are written to a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
MAX_FILE_S = 20
"""CPU seconds of a file above which it is parsed once only."""


def main() -> None:
    """Measure both checkouts and print one line per format."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    arguments.add_argument("--old", type=Path, default=CHECKOUT, help="The checkout to compare with.")
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--per-file", action="store_true", help="Print the slowest files as well.")
    arguments.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    paths = [str(p.resolve()) for folder in options.folders for p in sorted(folder.rglob("*")) if p.is_file()]
    if options.measure:
        print(json.dumps(_measure(paths, options.runs)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _generate(Path(folder))
        folders = [folder, *map(str, options.folders)]
        old = _run(options.old, folders, options.runs)
        new = _run(CHECKOUT, folders, options.runs)
    formats = defaultdict(list)
    for path in sorted(old.keys() & new.keys()):
        formats[Path(path).suffix[1:].lower()].append(path)
    for name, members in formats.items():
        before, after = (sum(times[path] for path in members) for times in (old, new))
        count = len(members)
        print(f"{name:9} {count:3} files {before / count:9.2f} {after / count:9.2f} ms a file {after / before:6.2f}")
        for path in sorted(members, key=lambda path: old[path] - new[path])[: 5 * options.per_file]:
            print(f"    {old[path]:9.2f} {new[path]:9.2f} ms {new[path] / old[path]:6.2f}  {path}")


def _run(checkout: Path, folders: list[str], runs: int) -> dict[str, float]:
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", "--runs", str(runs), *folders]
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve()), "RAYON_NUM_THREADS": "2"}
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    times: dict[str, float] = json.loads(output.splitlines()[-1])
    return times


def _measure(paths: list[str], runs: int) -> dict[str, float]:
    """Return the milliseconds of each file that the parser reads."""
    from pipeline.backends.documents.extraction import extract
    from pipeline.errors import RefdeskError
    from pipeline.types import Source

    times: dict[str, float] = {}
    for path in paths:
        source = Source(Path(path).name, Path(path).read_bytes())
        try:
            for _ in range(runs + 1):  # the first run loads libraries
                started = time.process_time()
                extract(source, max_unpacked_mb=500)
                used = time.process_time() - started
                times[path] = min(times.get(path, used * 1000), used * 1000)
                if used > MAX_FILE_S:
                    break
        except RefdeskError:
            times.pop(path, None)
    return times


def _generate(folder: Path) -> None:
    """Write a file of some length for each text format, and for Excel and PowerPoint."""
    import openpyxl
    import pptx

    sentence = "The ferry to Sandvig leaves pier 4 at 08:52 on weekdays; bicycles cost 12.50 € each way."
    sections = [(f"Section {n}", [f"{sentence} Note {n}.{k}" for k in range(6)]) for n in range(150)]
    records = [{"id": n, "stop": f"Stop {n}", "price": n / 4, "open": n % 2 == 0, "note": sentence} for n in range(800)]
    (folder / "long.txt").write_text("\n\n".join("\n\n".join([t, *texts]) for t, texts in sections))
    (folder / "long.md").write_text("\n\n".join("\n\n".join([f"## {t}", *texts]) for t, texts in sections))
    body = "".join(f"<h2>{t}</h2>" + "".join(f"<p>{text}</p>" for text in texts) for t, texts in sections)
    (folder / "long.html").write_text(f"<html><head><title>Long</title></head><body>{body}</body></html>")
    (folder / "records.json").write_text(json.dumps(records))
    (folder / "records.jsonl").write_text("\n".join(map(json.dumps, records)))
    rows = [list(records[0]), *(list(map(str, record.values())) for record in records)]
    (folder / "records.csv").write_text("\n".join(";".join(cell.replace(";", ",") for cell in row) for row in rows))
    (folder / "long.rtf").write_text(
        r"{\rtf1\ansi " + "".join(f"\\pard\\b {t}\\b0\\par " + "\\par ".join(texts) + r"\par " for t, texts in sections)
        .replace("€", r"\u8364?") + "}"
    )  # fmt: skip
    workbook, slides = openpyxl.Workbook(), pptx.Presentation()
    for title, texts in sections:
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text, slide.placeholders[1].text = title, "\n".join(texts)
    sheet = workbook.create_sheet("Records", 0)
    for row in rows:
        sheet.append(row)
    workbook.save(folder / "records.xlsx")
    slides.save(str(folder / "long.pptx"))


if __name__ == "__main__":
    main()
