"""The dashboard and the alert rules in `deploy/`: each query names metrics and labels that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from monitoring.collectors import PREFIX, STORE_METRICS
from monitoring.start import PORT_OFFSETS

ROOT = Path(__file__).parents[3]
DASHBOARD = json.loads((ROOT / "deploy/grafana/refdesk.json").read_text(encoding="utf-8"))
RULES = yaml.safe_load((ROOT / "deploy/prometheus/refdesk-alerts.yml").read_text(encoding="utf-8"))
SCRAPES = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]] + [alert["expr"] for alert in ALERTS]


def read_labels() -> dict[str, tuple[str, ...]]:
    """Return the labels of every metric: those of the store, and those that the code of the processes names."""
    files = ("monitoring/collectors.py", "tasks/worker_metrics.py", "bot/client/metrics.py")
    named = {
        name for file in files for name in re.findall(r'Gauge\(\s*"(\w+)"', (ROOT / file).read_text(encoding="utf-8"))
    }
    labels = {name: labels for name, (_, labels) in STORE_METRICS.items()} | dict.fromkeys(named, ())
    return labels | {"store_up": (), "process": ("kind",)}


LABELS = read_labels()


@pytest.mark.parametrize("query", QUERIES)
def test_query__names_metrics_and_labels_that_exist(query):
    metrics = set(re.findall(rf"\b{PREFIX}(\w+)", query))
    assert metrics <= set(LABELS)
    assert metrics
    used = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", query))
    used |= {label for part in re.findall(r"(?:by|on|group_left) \(([\w, ]+)\)", query) for label in part.split(", ")}
    assert used <= {label for metric in metrics for label in LABELS[metric]} | {"instance", "job"}


def test_dashboard__shows_every_metric_of_the_store():
    text = json.dumps(DASHBOARD)
    assert [name for name in STORE_METRICS if f"{PREFIX}{name}" not in text] == []


def test_dashboard__panels_do_not_overlap_and_take_the_chosen_data_source():
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}) == len(PANELS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}


def test_legends_and_texts__use_labels_of_their_query():
    for panel in PANELS:
        for target in panel["targets"]:
            labels = {label for name in re.findall(rf"{PREFIX}(\w+)", target["expr"]) for label in LABELS[name]}
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= labels | {"instance"}, panel["title"]


def test_alerts__say_what_happened_and_what_to_do():
    for alert in ALERTS:
        assert set(alert["annotations"]) == {"summary", "action"}
        assert alert["labels"]["severity"] in {"warning", "critical"}


def test_scrapes__the_ports_of_all_processes():
    targets = [
        target for job in SCRAPES["scrape_configs"] for one in job["static_configs"] for target in one["targets"]
    ]
    assert targets == [f"127.0.0.1:{9464 + offset}" for offset in PORT_OFFSETS.values()]
    assert SCRAPES["rule_files"] == ["refdesk-alerts.yml"]
