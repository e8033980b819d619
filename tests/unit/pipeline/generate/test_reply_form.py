"""Answers in a JSON document or a code block."""

from __future__ import annotations

import pytest

from pipeline.generate.reply_form import unwrap_answer

ANSWER = 'The bridge was built by "Anna" Lehr [1].\nIn 1904 [1].'
QUOTED = 'The bridge was built by \\"Anna\\" Lehr [1].\\nIn 1904 [1].'


@pytest.mark.parametrize(
    "reply",
    [
        f'{{"answer": "{QUOTED}"}}',
        f'```json\n{{"answer": "{QUOTED}"}}\n```',
        f'```\n{{\n  "answer": "{QUOTED}"\n}}\n```',
        f'{{"answer": "{QUOTED}", "citations": [1]}}',
        f'{{"citations": [1], "confidence": 0.9, "answer": "{QUOTED}"}}',
        f'{{"final_answer": "{QUOTED}"}}',
        f'{{"response": "{QUOTED}", "done": true}}',
        f'{{"answer": "{QUOTED}',
        f"```\n{ANSWER}\n```",
        f"```markdown\n{ANSWER}\n```",
        f"```text\n{ANSWER}",
    ],
)
def test_unwrap_answer(reply: str) -> None:
    assert unwrap_answer(reply) == ANSWER


def test_unwrap_answer__citations_in_a_field_of_their_own() -> None:
    assert unwrap_answer('{"answer": "Anna Lehr.", "citations": [1, 3]}') == "Anna Lehr.\n\nSources: [1, 3]"


@pytest.mark.parametrize(
    "answer",
    [
        "```\nrefdesk up\n```",
        "```python\nvalues[1] = 2\n```\n[1]",
        "```python\nvalues[1] = 2\n```",
        "```\na [1]\n```\ntext\n```\nb [1]\n```",
        '{"name": "Anna"}',
        '{"answer": 5}',
        "{not JSON",
        "Set `{}` [1].",
    ],
)
def test_unwrap_answer__what_is_an_answer_itself(answer: str) -> None:
    assert unwrap_answer(answer) == answer


@pytest.mark.parametrize("end", range(12, 60))
def test_unwrap_answer__unfinished_document(end: int) -> None:
    shown = unwrap_answer(f'{{"answer": "{QUOTED}"}}'[:end])
    assert ANSWER.startswith(shown)


@pytest.mark.parametrize("hostile", ['{"answer": "' + "\\" * 50_001, "```" * 20_000, '{"a": 1, ' * 9000, "{" * 50_000])
def test_unwrap_answer__long_runs(hostile: str) -> None:
    unwrap_answer(hostile)
