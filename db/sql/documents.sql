-- Documents: find, add, show, delete.

-- name: find_same_bytes
-- The document of this source if its live version holds exactly these bytes for the same readers and nothing else is
-- about to change it. Another source with equal bytes is a document of its own; its chunks share the vectors.
SELECT d.id, d.title, d.source, v.chunks FROM documents d JOIN document_versions v ON v.id = d.live_version_id
WHERE d.workspace_id = :workspace_id AND d.source = :source AND v.sha256 = :sha256
  AND d.channels IS NOT DISTINCT FROM CAST(:channels AS text[])
  AND NOT EXISTS (SELECT FROM jobs j
                  WHERE j.workspace_id = d.workspace_id AND j.payload ->> 'source' = d.source AND j.kind = 'ingest'
                    AND j.state IN ('queued', 'running') AND j.id <> :job_id);

-- name: update_document_origin
-- The same bytes were found at another place: link there, the older message may be gone.
UPDATE documents SET origin = :origin WHERE id = :id AND origin IS DISTINCT FROM :origin;

-- name: find_source_owner
-- Whose a document is: who added the one that answers, or whoever is adding it just now.
SELECT coalesce((SELECT added_by FROM documents WHERE source = :source),
                (SELECT requester FROM jobs
                 WHERE workspace_id = :workspace_id AND kind = 'ingest' AND state IN ('queued', 'running') AND payload ->> 'source' = :source
                 ORDER BY id LIMIT 1));

-- name: list_document_channels
-- Every channel that some document is for: whoever reads all of them sees every document.
SELECT DISTINCT unnest(channels) AS channel FROM documents WHERE workspace_id = :workspace_id AND channels IS NOT NULL ORDER BY 1;
