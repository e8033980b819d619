-- Original bytes, stored once per workspace and content hash.

-- name: delete_orphan_blobs
-- Delete blobs that no version and no open job needs. Blobs of jobs that ended remain for seven days for a retry.
DELETE FROM blobs b
WHERE b.created_at < now() - interval '1 hour'
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.workspace_id = b.workspace_id AND v.sha256 = b.sha256)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = b.workspace_id AND j.payload ->> 'sha256' = encode(b.sha256, 'hex')
                  AND (j.state IN ('queued', 'running') OR j.finished_at > now() - interval '7 days'));
