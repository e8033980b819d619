"""Languages of chunks and questions."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.text import languages
from pipeline.text.languages import find_languages, find_likely_languages
from pipeline.text.stemming import LATIN, OTHER_SCRIPTS

ROOT = Path(__file__).parents[4]
GERMAN = "Die Bücherei öffnet montags um zehn Uhr und schließt um achtzehn Uhr."
ENGLISH = "The library opens at ten on Mondays and closes at six."


def run_python(code: str) -> str:
    """Return what a program prints in a new process, in which no model is loaded yet."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Who may reserve the hall?", "en"),
        ("Wer darf den großen Saal im Rathaus reservieren?", "de"),
        ("¿Quién puede reservar la sala de reuniones?", "es"),
        ("Qui peut réserver la salle des fêtes pour samedi ?", "fr"),
        ("Salonu kim ayırtabilir ve ne zaman?", "tr"),
        ("Cine poate rezerva sala de festivități?", "ro"),
        ("Кто может забронировать этот зал на субботу?", "ru"),
        ("Хто може забронювати зал для засідань?", "uk"),
        ("Ποιος μπορεί να κλείσει την αίθουσα;", "el"),
        ("من يمكنه حجز القاعة يوم السبت؟", "ar"),
        ("چه کسی می‌تواند سالن را رزرو کند؟", "fa"),
        ("यह हॉल कौन आरक्षित कर सकता है?", "hi"),
        ("Ai có thể đặt hội trường?", "vi"),
        ("谁可以预订大厅？", "en"),
        ("ホールを予約できるのは誰ですか。", "en"),
        ("", "en"),
        ("Wat is de hoofdstad van Nederland?", "nl"),
        ("Quais são as regras da biblioteca?", "pt"),
        ("Co to jest zasada wzajemności?", "pl"),
        ("Câte locuri are stadionul?", "ro"),
        ("NASUWT是什么？", "en"),
        ("Windows 11を更新できますか。", "en"),
    ],
)
def test_likely_languages__of_a_clear_question(text: str, language: str) -> None:
    assert find_likely_languages(text) == (language,)


def test_likely_languages__of_a_short_question_are_several() -> None:
    likely = find_likely_languages("horario biblioteca")
    assert "es" in likely
    assert 1 < len(likely) <= 3


def test_likely_languages__an_english_title_does_not_make_a_question_english() -> None:
    assert find_likely_languages("Wer sang das Lied The Wall zum ersten Mal live in einem Stadion?") == ("de",)


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Hvad koster det at leje salen?", "da"),
        ("Jak to funguje a kolik by to stálo?", "cs"),
        ("Jak to działa i co to jest?", "pl"),
    ],
)
def test_likely_languages__words_that_english_shares_do_not_make_a_question_english(
    question: str, language: str
) -> None:
    assert find_likely_languages(question)[0] == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("De bibliotheek is open op maandag. De zaal is vrij op zaterdag, of op zondag als er plaats is.", "nl"),
        ("As regras da biblioteca são estas: as salas podem ser reservadas até as dez horas, e as chaves ficam.", "pt"),
        ("Salen har plads at byde på, og den har bøger at læse i. Vi har vand at drikke og mad at spise.", "da"),
        ("Inhaltsverzeichnis\nNutzungsbedingungen\nTerms of Use\nDatenschutz\nImpressum\nÖffnungszeiten", "de"),
    ],
)
def test_languages__of_a_paragraph_with_words_that_english_has_too(text: str, language: str) -> None:
    assert find_languages([text]) == (language,)


def test_likely_languages__foreign_words_in_a_text_do_not_hide_its_language() -> None:
    assert find_likely_languages("Der Name der Stadt Tokio wird auf Japanisch 東京 geschrieben.") == ("de",)


def test_identifier__several_threads_load_it_once() -> None:
    code = """
import threading, time
from py3langid.langid import LanguageIdentifier
from pipeline.text.languages import load_identifier

loads = []
load = LanguageIdentifier.from_model_file

def load_slowly(*args, **settings):
    loads.append(threading.current_thread().name)
    time.sleep(0.1)
    return load(*args, **settings)

LanguageIdentifier.from_model_file = load_slowly
threads = [threading.Thread(target=load_identifier) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(loads))
"""
    assert run_python(code) == "1"


def test_candidates__contain_every_language_with_a_stemmer() -> None:
    assert {*LATIN, *OTHER_SCRIPTS} <= frozenset().union(*languages.CANDIDATES.values())


def test_candidates__are_known_to_the_library() -> None:
    assert frozenset().union(*languages.CANDIDATES.values()) <= set(languages.load_identifier().labels)


def test_languages__a_short_chunk_has_the_language_of_its_document() -> None:
    assert find_languages([GERMAN, "Restaurant Central", GERMAN]) == ("de", "de", "de")


def test_languages__similar_languages_do_not_alternate_in_a_document() -> None:
    first = "Biblioteket har åbent fra mandag til fredag, og om lørdagen er der kun åbent om formiddagen."
    second = "Biblioteket er åpent fra mandag til fredag, og på lørdag er det bare åpent om formiddagen."
    assert find_likely_languages(second) == ("no", "da")
    assert find_languages([first, second, first]) == ("da", "da", "da")


def test_languages__a_document_in_two_languages() -> None:
    assert find_languages([GERMAN, ENGLISH, GERMAN]) == ("de", "en", "de")


@pytest.mark.parametrize("texts", [[], ["Restaurant Central"], ["2026-11-29 14:30, 2026-11-30 09:15, 2026-12-01"]])
def test_languages__what_is_not_clear_counts_as_english(texts: list[str]) -> None:
    assert find_languages(texts) == ("en",) * len(texts)


@pytest.mark.parametrize(
    "question",
    [
        "Who may reserve the hall?",
        "谁可以预订大厅？",
        "ホールを予約できるのは誰ですか。",
        "NASUWT是什么？",
        "Windows 11を更新できますか。",
        "Ποιος;",
    ],
)
def test_likely_languages__loads_no_model_for_what_the_script_or_english_words_decide(question: str) -> None:
    code = (
        "import sys; from pipeline.text.languages import find_likely_languages; "
        f"find_likely_languages({question!r}); print('py3langid' in sys.modules)"
    )
    assert run_python(code) == "False"
