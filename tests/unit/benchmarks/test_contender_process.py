import json
import subprocess
import sys

from benchmarks import contender_process
from benchmarks.contender_process import MARKER

CONTENDER = """
class Shelf:
    def __init__(self, dsn, model, table):
        self.stored = {}
    def setup(self):
        print("a library prints something")
    def warm(self, texts):
        assert texts == ["red", "blue"]
    def ingest(self, chunks):
        self.stored |= {chunk["id"]: chunk["text"] for chunk in chunks}
    def recall(self, query, k):
        return [name for name, text in self.stored.items() if text == query][:k]
    def close(self):
        self.stored.clear()
"""


def test_process__measures_a_contender_of_another_environment(tmp_path):
    (tmp_path / "shelf.py").write_text(CONTENDER)
    task = {
        "target": "shelf:Shelf", "path": [str(tmp_path)], "dsn": "", "model": "", "table": "t", "k": 50,
        "chunks": [{"id": "1", "text": "red"}, {"id": "2", "text": "blue"}],
        "warm_questions": ["red"], "questions": ["blue", "green"],
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-S", contender_process.__file__], input=json.dumps(task), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(MARKER)]
    result = json.loads(line.removeprefix(MARKER))
    assert result["ids"] == [["2"], []]
    assert len(result["recall_ms"]) == 2
    assert result["ingest_s"] > 0
    assert result["rss_mb"] > 1
