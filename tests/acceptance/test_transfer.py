"""Export, erase and import a library with real workers."""

from __future__ import annotations

import json

import pytest

LANTERN = "The copper lantern hangs in the north hall. It is lit at dusk by the warden.\n"


@pytest.fixture(scope="module")
def installation(shared_installation):
    shared_installation.start_worker("ingest")
    shared_installation.start_worker("query")
    return shared_installation


def run(installation, *arguments):
    result = installation.refdesk(*arguments, "--json")
    return result.returncode, json.loads(result.stdout)


def listed(installation, workspace):
    documents = run(installation, "docs", "list", "--workspace", workspace)[1]["documents"]
    return {(d["title"], d["source"], d["added_by"], tuple(d["channels"] or ())) for d in documents}


def test_library__is_exported_erased_and_imported(installation, tmp_path):
    notes = tmp_path / "lantern.txt"
    notes.write_text(LANTERN)
    (tmp_path / "secret.md").write_text("# Safe\n\nThe safe opens with 4711.\n")
    assert run(installation, "ingest", str(notes), "--workspace", "club")[0] == 0
    assert run(installation, "ingest", str(tmp_path / "secret.md"), "--workspace", "club", "--channel", "7")[0] == 0
    asked = run(installation, "ask", "Who lights the copper lantern?", "--workspace", "club")[1]
    before = listed(installation, "club")
    archive = tmp_path / "club.zip"
    assert run(installation, "export", str(archive), "--workspace", "club", "--questions")[1]["documents"] == 2
    assert installation.refdesk("export", str(archive), "--workspace", "club").returncode == 1, "it exists"

    shown = run(installation, "erase", "workspace", "club")[1]
    assert (shown["erased"], shown["rows"]["documents"]) == (False, 2)
    assert listed(installation, "club") == before, "without --yes, nothing is erased"
    assert run(installation, "erase", "workspace", "club", "--yes")[1]["erased"] is True
    assert listed(installation, "club") == set()

    refused = installation.refdesk("import", str(archive), "--workspace", "guild:2")
    assert refused.returncode == 1
    assert b"is the library of 'club'" in refused.stderr
    code, imported = run(installation, "import", str(archive), "--workspace", "club")
    assert code == 0
    assert [entry["state"] for entry in imported["documents"]] == ["succeeded", "succeeded"]
    assert listed(installation, "club") == before
    again = run(installation, "ask", "Who lights the copper lantern?", "--workspace", "club")[1]
    assert again["answer"] == asked["answer"]
    assert run(installation, "import", str(archive), "--workspace", "club")[0] == 0
    assert listed(installation, "club") == before, "an import can be repeated"
    assert run(installation, "erase", "person", "nobody-of-this-name")[1]["rows"] == {}
