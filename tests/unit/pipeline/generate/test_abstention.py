"""Whether the passages are relevant enough to answer from."""

from __future__ import annotations

import pytest

from pipeline.generate.abstention import should_abstain
from pipeline.types import RecallResult
from tests.answer_fakes import ranked

FAQ = "Frage: Wann schließt die Kita im Sommer?\nAntwort: Vom 4. bis zum 22. August bleibt die Kita geschlossen."
RULES = "§ 5 Austritt aus dem Ruderverein\nDer Austritt ist zum Jahresende möglich, mit einer Frist von drei Monaten."


@pytest.mark.parametrize(
    ("question", "passage", "abstains"),
    [
        ("In welchem Zeitraum hat die Kita Sommerferien?", FAQ, False),
        ("Welche Frist gilt für den Austritt aus dem Verein?", RULES, False),
        ("Wie weit ist der Mond von der Erde entfernt?", FAQ, True),
        ("Wer hat die Zauberflöte komponiert?", FAQ, True),
        ("Wann wurde die Berliner Mauer gebaut?", RULES, True),
    ],
)
def test_should_abstain__german_function_words_do_not_count(question: str, passage: str, *, abstains: bool) -> None:
    passages = ranked(passage)
    candidates = tuple(p.candidate for p in passages)
    assert should_abstain(question, RecallResult(candidates, 1, "exact"), passages, 0.99) == abstains
