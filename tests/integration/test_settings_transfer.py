"""The settings of a workspace are exported and replaced by those of an archive, which may contain anything."""

from __future__ import annotations

import json

import pytest

from db import workspace_settings as settings
from pipeline.errors import InvalidInput, UnknownName

CHOSEN = {
    "top_k": 5,
    "public_channels": ("7", "8"),
    "ask_roles": ("9",),
    "ingest_by": "role",
    "ingest_role": "10",
    "direct_messages": False,
    "retention_days": 30,
}


def replace(library, values):
    with library.database.tenant(library.other) as session:
        settings.replace(session, library.other, "vera", values)
        return settings.read(session, library.other)


def test_settings__are_the_same_after_export_and_import(library):
    with library.database.tenant(library.workspace) as session:
        assert settings.export(session, library.workspace) == {}
        settings.update(session, library.workspace, "42", **CHOSEN)
        chosen = settings.update_channel(session, library.workspace, "42", "7", {"threads": True, "ask_roles": ["9"]})
        exported = json.loads(json.dumps(settings.export(session, library.workspace)))
    replace(library, {"top_n": 100})
    imported = replace(library, exported)
    assert imported.updated_by == "vera"
    for name in settings.CHANGEABLE:
        assert getattr(imported, name) == getattr(chosen, name), name


@pytest.mark.parametrize(
    "values",
    [
        {"top_k": 1000},
        {"top_k": "5"},
        {"workspace_id": 1},
        {"updated_by": "42"},
        {"public_channels": "7"},
        {"public_channels": ["<@&7>"]},
        {"helper_role": "everyone"},
        {"helper_role": {"id": 1}},
        {"channel_rules": []},
        {"channel_rules": {"7": "x"}},
        {"channel_rules": {"x": {}}},
        {"channel_rules": {"7": {"unknown": 1}}},
        {"channel_rules": {"7": {"threads": "yes"}}},
    ],
    ids=str,
)
def test_settings__invalid_ones_are_rejected_and_change_nothing(library, values):
    before = replace(library, {"top_k": 5})
    with pytest.raises((InvalidInput, UnknownName)):
        replace(library, values)
    with library.database.tenant(library.other) as session:
        assert settings.read(session, library.other) == before
