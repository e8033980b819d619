r"""Named SQL: `named("claim_job")` returns the statement of that name from the `.sql` files of this package.

Each statement follows a line `-- name: claim_job` and a comment with its purpose. Parameters are written `:name` like
the variables of psql, so a statement can be pasted into psql after `\\set name value`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Return all statements by name; raise `ValueError` for a duplicate name."""
    texts: dict[str, str] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in texts:
                raise ValueError(f"{file.name}: another statement is named {name}")
            texts[name] = body.strip().rstrip(";")
    return texts


@cache
def named(name: str, **literals: int) -> TextClause:
    """Return a statement; `literals` are numbers inserted as text where SQL allows no parameter (a type modifier)."""
    body = "\n".join(line for line in statements()[name].splitlines() if not line.lstrip().startswith("--"))
    for key, value in sorted(literals.items(), key=lambda item: -len(item[0])):
        body = body.replace(f":{key}", str(int(value)))
    return text(body)
