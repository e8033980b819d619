-- Ingest jobs in batches: grouped into messages, claimed, renewed and released together. Every statement locks jobs in
-- the order of their IDs. As for single jobs, every write checks the fencing token of each lease.

-- name: list_batch_jobs
-- List those of these jobs that may share a message with other documents of their workspace: stored bytes of a small
-- size and no earlier attempt, because a job whose worker died is tried alone.
SELECT j.id, j.workspace_id FROM jobs j
JOIN blobs b ON b.workspace_id = j.workspace_id AND b.sha256 = decode(j.payload ->> 'sha256', 'hex')
WHERE j.id = ANY (:ids) AND j.queue = 'ingest' AND j.attempt = 0 AND j.max_attempts > 1 AND octet_length(b.content) <= :max_bytes;

-- name: lock_jobs_for_batch
-- Lock the jobs that are next in the fair order of the workspace of a locked job, if all of them may share a batch; other
-- workers skip them. Only the next 1,000 jobs of all workspaces are read, so that the others cost nothing.
SELECT j.id FROM jobs j
JOIN blobs b ON b.workspace_id = j.workspace_id AND b.sha256 = decode(j.payload ->> 'sha256', 'hex')
WHERE j.id IN (
    SELECT n.id FROM (
        SELECT o.id, o.workspace_id FROM jobs o
        WHERE o.queue = 'ingest' AND o.state = 'queued' AND o.run_after <= now() AND NOT o.cancel_requested
        ORDER BY o.virtual_time, o.id LIMIT 1000) n
    WHERE n.workspace_id = :workspace_id)
  AND j.state = 'queued' AND j.attempt = 0 AND j.max_attempts > 1 AND octet_length(b.content) <= :max_bytes
ORDER BY j.virtual_time, j.id LIMIT :limit
FOR UPDATE OF j SKIP LOCKED;

-- name: claim_jobs
-- Claim the leases of queued jobs as in claim_job. Of several jobs, only those at their first attempt are claimed, so
-- that a document that kills its worker is alone when it is tried again.
WITH due AS (
    SELECT id, gen_random_uuid() AS token FROM jobs
    WHERE id = ANY (:ids) AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
      AND (cardinality(CAST(:ids AS bigint[])) = 1 OR (attempt = 0 AND max_attempts > 1))
    ORDER BY id FOR UPDATE
)
UPDATE jobs j
SET state = 'running', stage = :stage, attempt = attempt + 1, lease_owner = :worker, lease_token = due.token, writer_token = due.token,
    lease_since = now(), lease_expires = now() + make_interval(secs => :lease_s),
    started_at = coalesce(started_at, now()), progress_done = 0, progress_total = 0, progress_text = ''
FROM due WHERE j.id = due.id
RETURNING j.id, j.workspace_id, j.lease_token, j.attempt, j.requester, j.payload;

-- name: renew_leases
-- Renew leases (heartbeat). Returns the leases that are still valid, and whether cancellation was requested.
WITH held AS (
    SELECT j.id FROM jobs j JOIN unnest(CAST(:ids AS bigint[]), CAST(:tokens AS uuid[])) AS l(id, token) ON l.id = j.id
    WHERE j.lease_token = l.token AND j.state = 'running'
    ORDER BY j.id FOR UPDATE OF j
)
UPDATE jobs j SET lease_expires = now() + make_interval(secs => :lease_s)
FROM held WHERE j.id = held.id
RETURNING j.id, j.cancel_requested;

-- name: lock_leases
-- The fence before other writes: lock the jobs whose leases are still valid. Returns them with the cancellation requests.
SELECT j.id, j.cancel_requested
FROM jobs j JOIN unnest(CAST(:ids AS bigint[]), CAST(:tokens AS uuid[])) AS l(id, token) ON l.id = j.id
WHERE j.lease_token = l.token AND j.state = 'running'
ORDER BY j.id FOR UPDATE OF j;
