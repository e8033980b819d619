"""The one join of title, heading path and text."""

import hashlib

import pytest

from pipeline.embed import hash_input
from pipeline.ingest import prepare_chunks
from pipeline.text.passages import build_passage, join_headings
from pipeline.types import Chunk


@pytest.mark.parametrize(
    ("title", "headings", "passage"),
    [
        ("", (), "There."),
        ("", ("", " "), "There."),
        ("", ("A",), "A\nThere."),
        ("", ("A", " B "), "A > B\nThere."),
        ("", ("A", "", "中文"), "A > 中文\nThere."),
        ("T", ("A",), "T > A\nThere."),
        ("T", (), "T\nThere."),
    ],
)
def test_build_passage(title: str, headings: tuple[str, ...], passage: str) -> None:
    assert build_passage(headings, "There.", title=title) == passage


def test_build_passage__keeps_the_text_as_it_is() -> None:
    assert build_passage(("A",), "  one\n\n\ttwo \n") == "A\n  one\n\n\ttwo \n"
    assert build_passage(("A",), "") == "A\n"


def test_build_passage__other_gap() -> None:
    assert build_passage(("A",), "There.", gap="\n\n") == "A\n\nThere."
    assert build_passage((), "There.", gap="\n\n") == "There."


def test_build_passage__leaves_link_targets_out_unless_asked_for() -> None:
    text = "Book [here](https://a.example/b%28c%29?d), [mail](mailto:a@b.example) or https://bare.example."
    assert build_passage(("A",), text) == "A\nBook here, mail or https://bare.example."
    assert build_passage(("A",), text, with_targets=True) == f"A\n{text}"


def test_prepare_chunks__a_link_counts_as_its_words() -> None:
    (linked,) = prepare_chunks([Chunk(0, "Book [the sauna](https://sauna.example/slots) early.")])
    (plain,) = prepare_chunks([Chunk(0, "Book the sauna early.")])
    assert (linked.input_hash, linked.terms) == (plain.input_hash, plain.terms)
    assert linked.chunk.text == "Book [the sauna](https://sauna.example/slots) early."


def test_join_headings__accepts_any_iterable() -> None:
    assert join_headings(heading for heading in ("Opening hours", "Sunday")) == "Opening hours > Sunday"


def test_stored_hashes__stay_the_same() -> None:
    """Stored vectors are found by the SHA-256 of the embedding input, so these bytes must never change."""
    chunk = Chunk(0, "Closed.\n\n- all day", ("Opening hours", "Sunday"), 3, 9)
    stored = hashlib.sha256(b"Opening hours > Sunday\nClosed.\n\n- all day").digest()
    (prepared,) = prepare_chunks([chunk])
    assert prepared.input_hash == hash_input(build_passage(chunk.headings, chunk.text)) == stored
