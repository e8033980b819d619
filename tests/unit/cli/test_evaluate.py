"""The command `refdesk evaluate`."""

from __future__ import annotations

from pathlib import Path

from cli.evaluate import _plot_path
from config.setting_groups import ServerSettings
from config.settings import Settings
from evaluation.report import Evaluation


def test_plot__default_name_contains_profiles_and_recall(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, servers=ServerSettings(home=tmp_path))

    def name(*evaluations: tuple[str, str]) -> str:
        made = [Evaluation("team/notes", 1, 1, recall, (), profile=profile) for profile, recall in evaluations]
        return _plot_path(settings, made).name

    assert name(("minilm", "hybrid")) == "team_notes-minilm-hybrid.png"
    assert name(("e5", "hybrid")) == "team_notes-e5-hybrid.png"
    both = (("minilm", "dense"), ("minilm", "hybrid"), ("e5", "dense"), ("e5", "hybrid"))
    assert name(*both) == "team_notes-minilm+e5-dense+hybrid.png"
