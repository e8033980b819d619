"""The tables of the keyword index as mapped classes; `db.models` contains the others."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Identity, Integer, SmallInteger
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from db.models import Base, key_in_workspace


class ChunkTerms(Base):
    """The terms of a chunk with their frequencies."""

    __tablename__ = "chunk_terms"
    __table_args__ = (key_in_workspace("version_id", "document_versions", "CASCADE"),)
    chunk_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    workspace_id: Mapped[int]
    version_id: Mapped[int]
    length: Mapped[int]
    terms: Mapped[bytes]


class KeywordChange(Base):
    """A chunk that became visible or invisible and is in no segment yet."""

    __tablename__ = "keyword_changes"
    workspace_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    chunk_id: Mapped[int]
    scope_id: Mapped[int]
    change: Mapped[int] = mapped_column(SmallInteger)
    length: Mapped[int]
    terms: Mapped[bytes]


class KeywordSegment(Base):
    """A segment of the keyword index."""

    __tablename__ = "keyword_segments"
    __table_args__ = (key_in_workspace("merged_into", "keyword_segments", "SET NULL (merged_into)"),)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    workspace_id: Mapped[int]
    merged_into: Mapped[int | None]
    state: Mapped[str]
    built_to: Mapped[int]
    postings: Mapped[int] = mapped_column(BigInteger)
    scope_ids: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    scope_chunks: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    scope_terms: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    created_at: Mapped[dt.datetime]


class KeywordBlock(Base):
    """A block of postings of a segment."""

    __tablename__ = "keyword_blocks"
    __table_args__ = (key_in_workspace("segment_id", "keyword_segments", "CASCADE"),)
    segment_id: Mapped[int] = mapped_column(primary_key=True)
    last_term: Mapped[int] = mapped_column(primary_key=True)
    block: Mapped[int] = mapped_column(primary_key=True)
    first_term: Mapped[int]
    workspace_id: Mapped[int]
    size: Mapped[int]
    max_frequency: Mapped[int]
    min_length: Mapped[int]
    directory: Mapped[bytes]
    postings: Mapped[bytes]
