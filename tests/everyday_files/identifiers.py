"""Long lists of things with similar identifiers: part numbers, tickets, days."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from tests.everyday_files.facts import EverydayFile, FactQuestion
from tests.everyday_files.tables import Table, ask, write_table

SEED = 7

_PARTS = (
    ("KL{:04}", "pump", "md"),
    ("TX-{:04}", "bearing", "csv"),
    ("9B{:04}", "relay", "xlsx"),
    ("VV.{:03}", "hinge", "html"),
)
_PART_QUESTIONS = (
    ("What does part {} cost?", "Price"),
    ("How much is {}?", "Price"),
    ("Where is {} stored?", "Place"),
    ("What is the diameter of {}?", "Diameter"),
    ("What is {}?", "Name"),
)
_TICKETS = (("{}", 31, "md"), ("OPS-{}", 1204, "csv"), ("#{}", 517, "txt"))
_TICKET_QUESTIONS = (
    ("Who works on ticket {}?", "Assignee"),
    ("What is the state of ticket {}?", "State"),
    ("When is ticket {} due?", "Due"),
    ("What is ticket {} about?", "Subject"),
)
_PEOPLE = ("Hagen", "Ito", "Moreau", "Silva", "Novak", "Okafor", "Lind", "Pavlou")
_DEVICES = ("printer", "badge reader", "projector", "coffee machine", "mail filter", "door sensor", "scanner")
_SENTENCES = (
    (
        "ledger_mill.txt",
        "On day {} the miller ground {} sacks of rye.",
        "How many sacks did the miller grind on day {}?",
    ),
    ("log_ferry.txt", "Trip {} of the ferry carried {} passengers.", "How many passengers did ferry trip {} carry?"),
    ("仓库日志.txt", "第{}天仓库发出{}箱茶叶。", "第{}天仓库发出了多少箱茶叶？"),
    ("wetter.txt", "Am Messpunkt {} fielen {} Millimeter Regen.", "Wie viel Regen fiel am Messpunkt {}?"),
)


def build() -> Iterator[EverydayFile]:
    """Yield part lists, ticket lists and long lines of sentences."""
    rng = random.Random(SEED)
    for form, name, extension in _PARTS:
        yield _build_parts(form, name, f"{name}_parts.{extension}", rng)
    for form, first, extension in _TICKETS:
        yield _build_tickets(form, first, f"tickets_{first}.{extension}", rng)
    for name, sentence, question in _SENTENCES:
        yield _build_sentences(name, sentence, question, rng)


def _build_parts(form: str, name: str, file_name: str, rng: random.Random) -> EverydayFile:
    rows = [
        (
            form.format(number),
            f"{name} {rng.choice(('steel', 'brass', 'nylon'))}",
            f"{rng.randint(11, 99)} mm",
            f"{rng.randint(100, 99999) / 100:.2f} EUR",
            f"rack {rng.randint(1, 40)}{rng.choice('ABCDEF')}",
        )
        for number in range(205, 345)
    ]
    table = Table(f"{name.title()} parts", ("Part", "Name", "Diameter", "Price", "Place"), rows)
    return _ask_rows("part list", file_name, table, _PART_QUESTIONS, rng)


def _build_tickets(form: str, first: int, file_name: str, rng: random.Random) -> EverydayFile:
    rows = [
        (
            form.format(number),
            f"{rng.choice(_DEVICES)} {rng.choice(('stuck', 'offline', 'too slow', 'noisy'))}",
            rng.choice(_PEOPLE),
            rng.choice(("open", "closed", "waiting")),
            f"2026-{rng.randint(1, 9):02}-{rng.randint(10, 28)}",
        )
        for number in range(first, first + 48)
    ]
    table = Table("Tickets", ("Ticket", "Subject", "Assignee", "State", "Due"), rows)
    return _ask_rows("ticket list", file_name, table, _TICKET_QUESTIONS, rng)


def _ask_rows(kind: str, name: str, table: Table, asked: Sequence[tuple[str, str]], rng: random.Random) -> EverydayFile:
    picked = rng.sample(table.rows, len(asked))
    questions = tuple(
        ask(table, row[0], column, text.format(row[0])) for row, (text, column) in zip(picked, asked, strict=True)
    )
    return EverydayFile(kind, name, write_table(name, table), questions)


def _build_sentences(name: str, sentence: str, question: str, rng: random.Random) -> EverydayFile:
    numbers = range(1, 400)
    amounts = {number: rng.randint(1000, 9999) for number in numbers}
    text = ("" if "。" in sentence else " ").join(sentence.format(number, amounts[number]) for number in numbers)
    picked = rng.sample(numbers, 4)
    questions = tuple(
        FactQuestion(
            question.format(number),
            (str(amounts[number]),),
            tuple(str(amount) for other, amount in amounts.items() if amount != amounts[number]),
        )
        for number in picked
    )
    return EverydayFile("numbered sentences", name, text.encode(), questions)
