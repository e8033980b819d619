-- Drops the two columns and restores the views without them.
DROP VIEW inspect.documents;
DROP VIEW inspect.chunks;
ALTER TABLE document_versions DROP COLUMN unread;
ALTER TABLE chunks DROP COLUMN confidence;

CREATE VIEW inspect.documents WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.title, d.source, d.media_type, v.chunks,
       (SELECT count(*) FROM embeddings e JOIN embedding_profiles p ON p.id = e.profile_id AND p.state = 'live'
        WHERE e.version_id = v.id AND e.workspace_id = d.workspace_id) AS vectors,
       v.pages, v.language, d.channels, d.added_by, encode(v.sha256, 'hex') AS sha256, d.live_version_id AS version,
       (SELECT count(*) FROM document_versions o WHERE o.document_id = d.id AND o.id IS DISTINCT FROM d.live_version_id) AS other_versions,
       d.created_at, d.updated_at, d.origin
FROM documents d JOIN workspaces w ON w.id = d.workspace_id LEFT JOIN document_versions v ON v.id = d.live_version_id;

CREATE VIEW inspect.chunks WITH (security_invoker) AS
SELECT c.id, w.key AS workspace, d.id AS document, d.title, c.ordinal, c.page, array_to_string(c.headings, ' > ') AS headings,
       c.tokens, (c.version_id = d.live_version_id) AS live,
       EXISTS (SELECT FROM embeddings e WHERE e.chunk_id = c.id) AS embedded, c.text
FROM chunks c JOIN documents d ON d.id = c.document_id JOIN workspaces w ON w.id = c.workspace_id;

COMMENT ON VIEW inspect.documents IS 'Documents with their live version.';
COMMENT ON VIEW inspect.chunks IS 'Chunks with their document and position, and whether they are embedded.';
GRANT SELECT ON inspect.documents, inspect.chunks TO refdesk_read, refdesk_worker, refdesk_app;
