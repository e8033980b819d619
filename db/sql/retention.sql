-- Retention: ended jobs with their traces, votes and messages are deleted after some days. Documents stay.

-- name: list_workspaces_with_retention
-- List the workspaces with a retention; a workspace can shorten that of the operator. Zero or null keeps everything.
SELECT w.id, least(nullif(s.retention_days, 0), nullif(CAST(:days AS integer), 0)) AS days
FROM workspaces w LEFT JOIN workspace_settings s ON s.workspace_id = w.id
WHERE coalesce(nullif(s.retention_days, 0), nullif(CAST(:days AS integer), 0)) IS NOT NULL
ORDER BY w.id;

-- name: delete_expired_jobs
-- Delete the oldest ended jobs of a workspace, with all rows that refer to them. A job whose content is quarantined stays,
-- because the content would be tried again without it.
DELETE FROM jobs WHERE id IN (
    SELECT j.id FROM jobs j
    WHERE j.workspace_id = :workspace_id AND j.state NOT IN ('queued', 'running')
      AND greatest(j.requested_at, j.finished_at) < now() - make_interval(days => :days)
      AND NOT EXISTS (SELECT FROM quarantine q WHERE q.job_id = j.id)
    ORDER BY j.id LIMIT :limit FOR UPDATE SKIP LOCKED
);

-- name: delete_expired_deliveries
-- Delete messages without jobs.
DELETE FROM deliveries WHERE id IN (
    SELECT d.id FROM deliveries d
    WHERE d.workspace_id = :workspace_id AND d.state <> 'open' AND d.created_at < now() - make_interval(days => :days)
      AND NOT EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id)
    ORDER BY d.id LIMIT :limit FOR UPDATE SKIP LOCKED
);

-- name: forget_expired_payers
-- Remove the persons from costs of embedding; the costs themselves remain.
UPDATE embedding_usage SET requester = NULL
WHERE workspace_id = :workspace_id AND requester IS NOT NULL AND created_at < now() - make_interval(days => :days);
