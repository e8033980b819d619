-- Documents: duplicates, origins, owners and channels. Reads with filters are in db/documents.py.

-- name: find_same_bytes
-- Find the document of a source if its live version has exactly these bytes and the same scope, and no other open job
-- is about to change it. Another source with equal bytes is a separate document whose chunks share the vectors.
SELECT d.id, d.title, d.source, v.chunks, v.unread FROM documents d JOIN document_versions v ON v.id = d.live_version_id
WHERE d.workspace_id = :workspace_id AND d.source = :source AND v.sha256 = :sha256
  AND d.channels IS NOT DISTINCT FROM CAST(:channels AS text[])
  AND NOT EXISTS (SELECT FROM jobs j
                  WHERE j.workspace_id = d.workspace_id AND j.payload ->> 'source' = d.source AND j.kind = 'ingest'
                    AND j.state IN ('queued', 'running') AND j.id <> :job_id);

-- name: update_document_origin
-- Update the link of a document whose bytes were found at another link; the older message may have been deleted.
UPDATE documents SET origin = :origin WHERE id = :id AND origin IS DISTINCT FROM :origin;

-- name: find_source_owner
-- Find the user who added the document of a source, or who is adding it in an open job.
SELECT coalesce((SELECT added_by FROM documents WHERE source = :source),
                (SELECT requester FROM jobs
                 WHERE workspace_id = :workspace_id AND kind = 'ingest' AND state IN ('queued', 'running') AND payload ->> 'source' = :source
                 ORDER BY id LIMIT 1));

-- name: list_document_channels
-- List all channels in the scope of any document; a viewer of all of them sees every document.
SELECT DISTINCT unnest(channels) AS channel FROM documents WHERE workspace_id = :workspace_id AND channels IS NOT NULL ORDER BY 1;
