-- What of a document was not read, and how certain recognised text is. A column with a constant default does not
-- rewrite the table.
ALTER TABLE document_versions ADD COLUMN unread jsonb NOT NULL DEFAULT '[]';
ALTER TABLE document_versions ADD CONSTRAINT document_versions_unread_is_list CHECK (jsonb_typeof(unread) = 'array');
COMMENT ON COLUMN document_versions.unread IS 'Parts of the file that were not read: kind, count, total and where, for example pages without text 2-4. Empty if everything was read.';
ALTER TABLE chunks ADD COLUMN confidence real;
COMMENT ON COLUMN chunks.confidence IS 'Lowest confidence (0 to 1) of its text that was recognised in an image; null if all of it is text of the file.';

CREATE OR REPLACE VIEW inspect.documents WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.title, d.source, d.media_type, v.chunks,
       (SELECT count(*) FROM embeddings e JOIN embedding_profiles p ON p.id = e.profile_id AND p.state = 'live'
        WHERE e.version_id = v.id AND e.workspace_id = d.workspace_id) AS vectors,
       v.pages, v.language, d.channels, d.added_by, encode(v.sha256, 'hex') AS sha256, d.live_version_id AS version,
       (SELECT count(*) FROM document_versions o WHERE o.document_id = d.id AND o.id IS DISTINCT FROM d.live_version_id) AS other_versions,
       d.created_at, d.updated_at, d.origin, v.unread, v.warnings
FROM documents d JOIN workspaces w ON w.id = d.workspace_id LEFT JOIN document_versions v ON v.id = d.live_version_id;

CREATE OR REPLACE VIEW inspect.chunks WITH (security_invoker) AS
SELECT c.id, w.key AS workspace, d.id AS document, d.title, c.ordinal, c.page, array_to_string(c.headings, ' > ') AS headings,
       c.tokens, (c.version_id = d.live_version_id) AS live,
       EXISTS (SELECT FROM embeddings e WHERE e.chunk_id = c.id) AS embedded, c.text, c.confidence
FROM chunks c JOIN documents d ON d.id = c.document_id JOIN workspaces w ON w.id = c.workspace_id;
