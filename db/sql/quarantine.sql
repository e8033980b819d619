-- Quarantine: content that killed its worker repeatedly.

-- name: quarantine_content
-- Quarantine the content of a job that used up its attempts.
INSERT INTO quarantine (workspace_id, sha256, job_id, error)
SELECT workspace_id, decode(payload ->> 'sha256', 'hex'), id, coalesce(error, '')
FROM jobs WHERE id = :id AND payload ->> 'sha256' IS NOT NULL
ON CONFLICT (workspace_id, sha256) DO UPDATE SET job_id = excluded.job_id, error = excluded.error, created_at = now();

-- name: release_quarantined_content
-- Release the content of a job that is retried.
DELETE FROM quarantine q USING jobs j
WHERE j.id = :id AND q.workspace_id = j.workspace_id
  AND (q.job_id = j.id OR encode(q.sha256, 'hex') = j.payload ->> 'sha256');
