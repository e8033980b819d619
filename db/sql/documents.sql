-- Documents: duplicates, origins, owners and channels. Reads with filters are in db/documents.py.

-- name: find_same_bytes
-- Find the documents of jobs whose live version has exactly these bytes and the same scope, where no other open job is
-- about to change it. Another source with equal bytes is a separate document whose chunks share the vectors.
SELECT r.job_id, d.id, d.title, d.source, v.chunks, v.unread
FROM jsonb_to_recordset(CAST(:documents AS jsonb)) AS r(job_id bigint, source text, sha256 text, channels text[])
JOIN documents d ON d.workspace_id = :workspace_id AND d.source = r.source AND d.channels IS NOT DISTINCT FROM r.channels
JOIN document_versions v ON v.id = d.live_version_id AND v.sha256 = decode(r.sha256, 'hex')
WHERE NOT EXISTS (SELECT FROM jobs j
                  WHERE j.workspace_id = d.workspace_id AND j.payload ->> 'source' = d.source AND j.kind = 'ingest'
                    AND j.state IN ('queued', 'running') AND j.id <> r.job_id);

-- name: lock_documents_of_sources
-- Lock the existing documents of sources, in the common order of locks.
SELECT id FROM documents WHERE workspace_id = :workspace_id AND source = ANY (CAST(:sources AS text[])) ORDER BY id FOR UPDATE;

-- name: upsert_documents
-- Insert the documents of sources that have none, and return all. RETURNING skips unchanged rows, so the source of an
-- existing document is set to its own value.
INSERT INTO documents (workspace_id, source, title, media_type, channels, added_by)
SELECT DISTINCT ON (d.source) :workspace_id, d.source, d.title, d.media_type, d.channels, d.added_by
FROM jsonb_to_recordset(CAST(:documents AS jsonb))
     AS d(source text, title text, media_type text, channels text[], added_by text)
ORDER BY d.source
ON CONFLICT (workspace_id, source) DO UPDATE SET source = excluded.source
RETURNING id, source;

-- name: add_missing_document_origin
-- Set the link of a document that was added without one; a link that exists names where the live version was added.
UPDATE documents SET origin = :origin WHERE id = :id AND origin IS NULL;

-- name: remove_document_origins
-- Remove the links to deleted messages, in all workspaces; a link contains the server, so it belongs to one of them.
UPDATE documents SET origin = NULL WHERE origin = ANY (CAST(:origins AS text[])) RETURNING id;

-- name: find_source_owner
-- Find the user who added the document of a source, or who is adding it in an open job.
SELECT coalesce((SELECT added_by FROM documents WHERE source = :source),
                (SELECT requester FROM jobs
                 WHERE workspace_id = :workspace_id AND kind = 'ingest' AND state IN ('queued', 'running') AND payload ->> 'source' = :source
                 ORDER BY id LIMIT 1));

-- name: list_document_channels
-- List all channels in the scope of any document; a viewer of all of them sees every document.
SELECT DISTINCT unnest(channels) AS channel FROM documents WHERE workspace_id = :workspace_id AND channels IS NOT NULL ORDER BY 1;

-- name: sample_texts
-- Sample the texts of chunks, evenly spread over all workspaces by their IDs.
SELECT c.text
FROM (SELECT min(id) AS first, max(id) AS last FROM chunks) ends
CROSS JOIN generate_series(0, CAST(:count AS integer) - 1) AS n
CROSS JOIN LATERAL (SELECT left(text, 400) AS text FROM chunks
                    WHERE id >= ends.first + (ends.last - ends.first) * n / CAST(:count AS integer) ORDER BY id LIMIT 1) c;

-- name: list_live_chunks
-- List the chunks of all live versions of the workspace in the order in which they were stored.
SELECT c.headings, c.text FROM documents d JOIN chunks c ON c.version_id = d.live_version_id ORDER BY c.id;
