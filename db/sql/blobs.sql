-- Original bytes, stored once per workspace and content hash.

-- name: delete_orphan_blobs
-- Delete blobs that no version and no open job needs. Those of jobs that failed or were cancelled remain for seven days
-- for a retry.
DELETE FROM blobs b
WHERE b.created_at < now() - interval '1 hour'
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.workspace_id = b.workspace_id AND v.sha256 = b.sha256)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = b.workspace_id AND j.payload ->> 'sha256' = encode(b.sha256, 'hex')
                  AND (j.state IN ('queued', 'running')
                       OR j.state <> 'succeeded' AND j.finished_at > now() - interval '7 days'));

-- name: list_retryable_hashes
-- List which of these contents an open job needs, or a job that failed or was cancelled in the last days.
SELECT DISTINCT j.payload ->> 'sha256' FROM jobs j
WHERE j.kind = 'ingest' AND j.payload ->> 'sha256' = ANY (CAST(:hashes AS text[]))
  AND (j.state IN ('queued', 'running') OR j.state <> 'succeeded' AND j.finished_at > now() - make_interval(days => :days));

-- name: store_blobs
-- Store original bytes once per content. The content is needed again, so the sweeper must not delete it as an orphan now.
INSERT INTO blobs (workspace_id, sha256, content)
SELECT :workspace_id, b.sha256, b.content
FROM unnest(CAST(:hashes AS bytea[]), CAST(:contents AS bytea[])) AS b(sha256, content)
ORDER BY b.sha256
ON CONFLICT (workspace_id, sha256) DO UPDATE SET created_at = now();

-- name: measure_blobs
-- Return the bytes of all stored originals of a workspace, and whether these are among them. The sizes are in the headers
-- of the values; no content is read.
SELECT coalesce(sum(octet_length(content)), 0) AS used, coalesce(bool_or(sha256 = :sha256), false) AS stored
FROM blobs WHERE workspace_id = :workspace_id;

-- name: lock_blobs
-- Serialize the storing of originals under a quota in this workspace until the transaction ends.
SELECT pg_advisory_xact_lock(72450012, :workspace_id);
