r"""The named SQL: `named("claim_job")` gives the statement of that name from the files beside this one.

A file holds statements, each under a line `-- name: what_it_is` and a comment that says what and why. Parameters are
written `:name`, as psql writes its variables, so a statement can be pasted into psql after `\\set name value`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from sqlalchemy import TextClause, text

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def statements() -> dict[str, str]:
    """Read every statement, by name; a name used twice is an error."""
    found: dict[str, str] = {}
    for file in sorted(files(__name__).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, body in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"two statements are named {name}")
            found[name] = body.strip().rstrip(";")
    return found


@cache
def named(name: str, **literals: int) -> TextClause:
    """Give a statement; `literals` are numbers put in as text where no parameter may stand (a type's length)."""
    body = "\n".join(line for line in statements()[name].splitlines() if not line.lstrip().startswith("--"))
    for key, value in sorted(literals.items(), key=lambda item: -len(item[0])):
        body = body.replace(f":{key}", str(int(value)))
    return text(body)
