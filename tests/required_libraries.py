"""Skip tests whose library is not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def require_library(name: str, reason: str) -> None:
    """Skip the test, or the module that is being collected, if a library is not installed.

    Unlike `pytest.importorskip`, this does not import it: torch would take 9 s of processor time in every test process.
    """
    if find_spec(name) is None:
        pytest.skip(reason, allow_module_level=True)
