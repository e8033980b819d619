-- The job ledger: claim, renew, finish, cancel, retry. Every write of a worker checks the fencing token of its lease,
-- so that a worker that lost its lease changes nothing. A write that causes an event also records the token that the
-- worker has (`writer_token`), so that verify_fencing finds a write that was accepted although the lease was lost.

-- name: submit_jobs
-- Insert jobs in their order; a known request key inserts nothing. Each person's jobs get places in the fair order.
WITH new AS (
    SELECT j.*, row_number() OVER (PARTITION BY j.queue, j.workspace_id, j.requester ORDER BY j.position) AS n
    FROM jsonb_to_recordset(CAST(:jobs AS jsonb))
         AS j(position integer, workspace_id integer, kind text, queue text, requester text, request_key text, payload jsonb,
              delivery_id bigint, max_attempts integer)
), places AS MATERIALIZED (
    SELECT f.queue, f.workspace_id, f.requester, p.start, p.step
    FROM (SELECT DISTINCT queue, workspace_id, requester FROM new) f CROSS JOIN place_in_queue(f.queue, f.workspace_id, f.requester) p
)
INSERT INTO jobs (workspace_id, kind, queue, requester, request_key, payload, delivery_id, max_attempts, virtual_time)
SELECT n.workspace_id, n.kind, n.queue, n.requester, n.request_key, n.payload, n.delivery_id, n.max_attempts, p.start + n.n * p.step
FROM new n JOIN places p USING (queue, workspace_id, requester)
ORDER BY n.position
ON CONFLICT (workspace_id, request_key) DO NOTHING
RETURNING id, request_key;

-- name: mark_jobs_published
-- Record that these job IDs were published to the queue.
WITH queued AS (SELECT id FROM jobs WHERE id = ANY (:ids) AND state = 'queued' ORDER BY id FOR UPDATE)
UPDATE jobs j SET published_at = now() FROM queued WHERE j.id = queued.id;

-- name: lock_next_job
-- Lock the job of a queue that is next in the fair order, for this transaction; other workers skip it.
SELECT id, workspace_id FROM jobs
WHERE queue = :queue AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
ORDER BY virtual_time, id LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: has_due_job
-- Whether a queue has a job that is due, locked or not.
SELECT EXISTS (SELECT FROM jobs WHERE queue = :queue AND state = 'queued' AND run_after <= now() AND NOT cancel_requested);

-- name: claim_job
-- Claim the lease by compare-and-set and count the attempt before any work starts. Returns no row if another worker
-- owns the lease, or the job has ended, was cancelled or is not due.
UPDATE jobs
SET state = 'running', stage = :stage, attempt = attempt + 1, lease_owner = :worker, lease_token = new.token, writer_token = new.token,
    lease_since = now(), lease_expires = now() + make_interval(secs => :lease_s),
    started_at = coalesce(started_at, now()), progress_done = 0, progress_total = 0, progress_text = ''
FROM gen_random_uuid() AS new(token)
WHERE id = :id AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
RETURNING *;

-- name: renew_lease
-- Renew a lease (heartbeat). Returns no row if the lease is lost, otherwise whether cancellation was requested.
UPDATE jobs SET lease_expires = now() + make_interval(secs => :lease_s)
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING cancel_requested;

-- name: lock_lease
-- The fence before other writes: lock the row of the job for this transaction if the lease is still valid. Returns no
-- row if it is lost, otherwise whether cancellation was requested.
SELECT cancel_requested FROM jobs WHERE id = :id AND lease_token = :token AND state = 'running' FOR UPDATE;

-- name: update_job_progress
-- Update stage and progress; fenced.
UPDATE jobs SET stage = :stage, progress_done = :done, progress_total = :total, progress_text = :text, writer_token = :token
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING cancel_requested;

-- name: succeed_job
-- End a job with its result; fenced.
UPDATE jobs
SET state = 'succeeded', stage = 'done', result = CAST(:result AS jsonb), error = NULL, error_class = NULL, progress_text = '',
    lease_token = NULL, lease_expires = NULL, writer_token = :token, finished_at = now()
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING id;

-- name: fail_job
-- End an attempt with an error; fenced. A retryable error queues the job again with an exponential backoff until the
-- attempts are used up, and then the job is dead. Any other error fails it immediately.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN NOT :retryable THEN 'failed' WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END,
    run_after = now() + make_interval(secs => least(600, 2 ^ attempt)),
    finished_at = CASE WHEN :retryable AND attempt < max_attempts AND NOT cancel_requested THEN NULL ELSE now() END,
    error_class = :error_class, error = CASE WHEN payload ? 'deleted' THEN error ELSE :error END, progress_text = '',
    published_at = NULL, lease_token = NULL, lease_expires = NULL, writer_token = :token
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING *;

-- name: mark_job_cancelled
-- End a job whose worker honours a cancellation request; fenced.
UPDATE jobs
SET state = 'cancelled', finished_at = now(), progress_text = '', lease_token = NULL, lease_expires = NULL, writer_token = :token
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING *;

-- name: release_job
-- Release the lease of a worker that stops; the attempt does not count.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, finished_at = CASE WHEN cancel_requested THEN now() END,
    attempt = attempt - 1, progress_text = '', published_at = NULL, lease_token = NULL, lease_expires = NULL, writer_token = :token
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING id;

-- name: cancel_job
-- Cancel a job. A job without a lease ends immediately; otherwise its worker receives a cancellation request.
UPDATE jobs
SET cancel_requested = true,
    state = CASE WHEN lease_token IS NULL THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN lease_token IS NULL THEN now() ELSE finished_at END
WHERE id = :id AND state IN ('queued', 'running')
RETURNING *;

-- name: cancel_document_jobs
-- Cancel the open ingest jobs of documents that are being deleted, so that they do not add them again.
UPDATE jobs
SET cancel_requested = true, error_class = 'Cancelled', error = 'The document was deleted.',
    state = CASE WHEN lease_token IS NULL THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN lease_token IS NULL THEN now() ELSE finished_at END
WHERE id IN (
    SELECT j.id FROM jobs j JOIN documents d ON d.workspace_id = j.workspace_id AND d.source = j.payload ->> 'source'
    WHERE d.id = ANY (CAST(:document_ids AS integer[])) AND j.kind = 'ingest' AND j.state IN ('queued', 'running') ORDER BY j.id FOR UPDATE OF j
);

-- name: retry_job
-- Queue an ended job again with all its attempts, at the end of the jobs of its requester.
UPDATE jobs
SET state = 'queued', stage = '', attempt = 0, error = NULL, error_class = NULL, result = NULL, cancel_requested = false,
    run_after = now(), requested_at = now(), published_at = NULL, finished_at = NULL, delivered_at = NULL,
    virtual_time = (SELECT p.start + p.step FROM place_in_queue(jobs.queue, jobs.workspace_id, jobs.requester) p)
WHERE id = :id AND state IN ('failed', 'dead', 'cancelled') AND NOT payload ? 'deleted'
RETURNING *;

-- name: update_job_channels
-- Replace the channels of a question that is asked again by those that the user can see now.
UPDATE jobs SET payload = payload || jsonb_build_object('channels', to_jsonb(CAST(:channels AS text[]))) WHERE id = :id AND kind = 'ask';

-- name: explain_job
-- Return the reason for the state of a job, as in `inspect.jobs`.
SELECT why FROM inspect.jobs WHERE id = :id;

-- name: delete_unfinished_version
-- Delete the version that an unsuccessful job was building; a live version is kept.
DELETE FROM document_versions v USING documents d
WHERE v.job_id = :job_id AND d.id = v.document_id AND d.live_version_id IS DISTINCT FROM v.id
RETURNING v.document_id;

-- name: delete_empty_documents
-- Delete documents that have no version.
DELETE FROM documents d WHERE d.id = ANY (:ids) AND d.live_version_id IS NULL
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.document_id = d.id);
