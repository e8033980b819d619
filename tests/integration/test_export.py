"""An export contains the library of one moment, whatever changes while it is written."""

from __future__ import annotations

from sqlalchemy import select

from cli.archive import ArchiveWriter
from cli.transfer import write_library
from db import documents
from db.models import Document


class Archive(ArchiveWriter):
    """Collects what is written; deletes a document after it was given the first one."""

    def __init__(self, library, doomed):
        self._library, self._doomed = library, doomed
        self.sources = []

    def add_document(self, document, content):
        assert content
        self.sources.append(document.source)
        if self._doomed:
            with self._library.database.tenant(self._library.workspace) as session:
                documents.delete_document(session, self._doomed)
            self._doomed = None


def test_export__a_document_that_is_deleted_meanwhile_is_still_written(library):
    library.add("first.md", ["one"])
    library.add("second.md", ["two"])
    with library.database.tenant(library.workspace) as session:
        doomed = session.scalars(select(Document.id).where(Document.source == "second.md")).one()
    archive = Archive(library, doomed)
    assert write_library(library.database, library.workspace, archive, questions=False) == 2
    assert archive.sources == ["first.md", "second.md"]
    assert write_library(library.database, library.workspace, Archive(library, None), questions=False) == 1
