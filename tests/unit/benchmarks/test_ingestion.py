import pytest

from benchmarks.contenders import (
    ENCODER,
    ENCODER_INT8,
    REFDESK,
    REFDESK_INT8,
    TORCH,
    Candidate,
    Run,
    find_peers,
    to_driver_url,
)
from benchmarks.ingestion import NO_INT8, NO_PEERS, measure_agreement, summarise
from benchmarks.results import Options

LANGCHAIN, HAYSTACK = Candidate("LangChain", "a:B"), Candidate("Haystack", "a:C")


def run(ingest_s: float, recall_ms: float, ids: str = "ab") -> Run:
    return Run(ingest_s, (recall_ms,) * 20, (tuple(ids),), 500.0)


def measurements(result):
    return {(m.name, m.baseline_name): m for m in result.measurements}


def test_summary__compares_with_the_best_library_of_each_measurement():
    runs = {
        TORCH.name: [run(10, 10), run(20, 20)],
        "LangChain": [run(11, 20), run(22, 40)],
        "Haystack": [run(12, 15), run(24, 30)],
        ENCODER.name: [run(4, 5), run(8, 10)],
        REFDESK.name: [run(5, 6), run(10, 12)],
    }
    result = summarise(runs, 100, 2, peers=[LANGCHAIN, HAYSTACK], int8=False)
    found = measurements(result)
    assert found["ingest, one-chunk documents, lossless", "LangChain"].ratio == pytest.approx(2.2)
    assert found["recall of 50, question embedded, lossless", "Haystack"].ratio == pytest.approx(0.4)
    assert found["ingest, one-chunk documents, lossless", "plain loop, same encoder"].ratio == pytest.approx(0.8)
    assert result.notes == (NO_INT8,)
    assert result.tables[0].rows[-1] == ("Refdesk", "15.0", "2.00", "9.0", "9.0", "1.000", "500")


def test_summary__without_libraries_compares_with_the_plain_torch_loop():
    runs = {name: [run(10, 10)] for name in (TORCH.name, ENCODER.name, REFDESK.name)}
    runs |= {ENCODER_INT8.name: [run(2, 2)], REFDESK_INT8.name: [run(2.5, 3, "ac")]}
    result = summarise(runs, 100, 1, peers=[], int8=True)
    found = measurements(result)
    assert found["ingest, one-chunk documents, int8", TORCH.name].ratio == pytest.approx(4)
    assert found["ingest, one-chunk documents, int8", TORCH.name].is_met
    assert result.notes == (NO_PEERS,)
    assert result.tables[0].rows[-1][5] == "0.500"


def test_agreement__is_the_share_of_the_exact_neighbours():
    assert measure_agreement([["a", "b"], ["c", "x"]], [["b", "a"], ["c", "d"]]) == 0.75


def test_peers__need_drivers_and_an_interpreter(tmp_path):
    python = tmp_path / "python"
    assert find_peers(Options(peers=tmp_path, peers_python=python)) == []
    (tmp_path / "peers").mkdir()
    assert find_peers(Options(peers=tmp_path)) == []
    peers = find_peers(Options(peers=tmp_path, peers_python=python))
    assert [peer.name for peer in peers] == ["LangChain", "LlamaIndex", "Haystack"]
    assert {(peer.python, peer.path) for peer in peers} == {(str(python), (str(tmp_path),))}


def test_driver_url__has_no_driver_name():
    assert to_driver_url("postgresql+psycopg://u@/db?host=/tmp/x") == "postgresql://u@/db?host=/tmp/x"
