"""The revisions that the names of the migrations state, compared with Alembic's reading of the migrations."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

import migrations
from db.schema import list_revisions


def test_revisions__are_those_of_alembic_in_order():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    script = ScriptDirectory.from_config(config)
    assert len(script.get_heads()) == 1
    assert list_revisions() == [migration.revision for migration in script.walk_revisions()][::-1]
