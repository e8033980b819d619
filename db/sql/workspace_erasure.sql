-- Erasure of a workspace: first it gets a key without meaning and its jobs end, then its rows are deleted in batches.

-- name: lock_workspace_segments
-- Keep the process that builds keyword segments out of the workspace until the transaction ends.
SELECT pg_advisory_xact_lock(72450010, :workspace_id);

-- name: begin_workspace_erasure
-- Replace the key, so that the next request for it creates a new workspace, and delete the settings.
WITH settings AS (DELETE FROM workspace_settings WHERE workspace_id = :workspace_id)
UPDATE workspaces SET key = 'erased:' || id, name = '' WHERE id = :workspace_id RETURNING id;

-- name: cancel_workspace_jobs
-- End all open jobs and their leases, so that no worker can write for them any more.
UPDATE jobs
SET state = 'cancelled', cancel_requested = true, finished_at = now(), progress_text = '', lease_token = NULL, lease_expires = NULL
WHERE id IN (SELECT id FROM jobs WHERE workspace_id = :workspace_id AND state IN ('queued', 'running') ORDER BY id FOR UPDATE);

-- name: list_unfinished_erasures
-- List the workspaces whose rows are being deleted.
SELECT id FROM workspaces WHERE key = 'erased:' || id ORDER BY id;
