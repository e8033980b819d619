-- The job ledger: submit, claim, renew, finish, sweep. Every write of a worker names its lease's token, so a worker
-- that lost the lease changes nothing.

-- name: mark_jobs_published
-- Remember when the numbers of these jobs were put on the queue.
UPDATE jobs SET published_at = now() WHERE id = ANY (:ids) AND state = 'queued';

-- name: claim_job
-- Take the lease by compare-and-set and count the attempt before any work starts. No row: somebody else has it, it is
-- finished, cancelled, or not yet due; then the message is simply dropped.
UPDATE jobs
SET state = 'running', stage = :stage, attempt = attempt + 1, lease_owner = :worker, lease_token = gen_random_uuid(),
    lease_since = now(), lease_expires = now() + make_interval(secs => :lease_s),
    started_at = coalesce(started_at, now()), progress_done = 0, progress_total = 0, progress_text = ''
WHERE id = :id AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
RETURNING *;

-- name: renew_lease
-- Heartbeat; no row: the lease is lost. Tells at the same time whether a person wants the job to stop.
UPDATE jobs SET lease_expires = now() + make_interval(secs => :lease_s)
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING cancel_requested;

-- name: lock_lease
-- The fence: lock the job's row for this transaction if the lease still holds; no row: write nothing. Tells at the same
-- time whether a person wants the job to stop.
SELECT cancel_requested FROM jobs WHERE id = :id AND lease_token = :token AND state = 'running' FOR UPDATE;

-- name: update_job_progress
-- Stage and progress, for people who wait; fenced.
UPDATE jobs SET stage = :stage, progress_done = :done, progress_total = :total, progress_text = :text
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING cancel_requested;

-- name: succeed_job
-- End with a result; fenced.
UPDATE jobs
SET state = 'succeeded', stage = 'done', result = CAST(:result AS jsonb), error = NULL, error_class = NULL,
    lease_token = NULL, lease_expires = NULL, finished_at = now()
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING id;

-- name: fail_job
-- End an attempt with an error; fenced. What may succeed later is queued again with a growing pause until the attempts
-- are used up, then the job is dead; what cannot succeed fails at once.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN NOT :retryable THEN 'failed' WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END,
    run_after = now() + make_interval(secs => least(600, 2 ^ attempt)),
    finished_at = CASE WHEN :retryable AND attempt < max_attempts AND NOT cancel_requested THEN NULL ELSE now() END,
    error_class = :error_class, error = :error, published_at = NULL, lease_token = NULL, lease_expires = NULL
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING *;

-- name: mark_job_cancelled
-- The worker saw the wish to stop; fenced.
UPDATE jobs SET state = 'cancelled', finished_at = now(), lease_token = NULL, lease_expires = NULL
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING *;

-- name: release_job
-- A worker that is told to stop hands its job back unharmed: the attempt does not count.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END, finished_at = CASE WHEN cancel_requested THEN now() END,
    attempt = attempt - 1, published_at = NULL, lease_token = NULL, lease_expires = NULL
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING id;

-- name: cancel_job
-- A person's wish. What no worker holds ends at once; what is held is asked to stop.
UPDATE jobs
SET cancel_requested = true,
    state = CASE WHEN lease_token IS NULL THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN lease_token IS NULL THEN now() ELSE finished_at END
WHERE id = :id AND state IN ('queued', 'running')
RETURNING *;

-- name: cancel_document_jobs
-- A document is deleted: what is still to build it must not bring it back.
UPDATE jobs
SET cancel_requested = true, error_class = 'Cancelled', error = 'Its document was deleted.',
    state = CASE WHEN lease_token IS NULL THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN lease_token IS NULL THEN now() ELSE finished_at END
WHERE id IN (
    SELECT j.id FROM jobs j JOIN documents d ON d.workspace_id = j.workspace_id AND d.source = j.payload ->> 'source'
    WHERE d.id = :document_id AND j.kind = 'ingest' AND j.state IN ('queued', 'running') ORDER BY j.id FOR UPDATE OF j
);

-- name: retry_job
-- A person's wish: start anew with all attempts.
UPDATE jobs
SET state = 'queued', stage = '', attempt = 0, error = NULL, error_class = NULL, result = NULL, cancel_requested = false,
    run_after = now(), requested_at = now(), published_at = NULL, finished_at = NULL, delivered_at = NULL
WHERE id = :id AND state IN ('failed', 'dead', 'cancelled')
RETURNING *;

-- name: update_job_channels
-- A question is asked again: it reads what the person may see now.
UPDATE jobs SET payload = payload || jsonb_build_object('channels', to_jsonb(CAST(:channels AS text[]))) WHERE id = :id AND kind = 'ask';

-- name: explain_job
-- The sentence that says why a job is where it is; the same that operators read.
SELECT why FROM inspect.jobs WHERE id = :id;

-- name: delete_unfinished_version
-- A job ended without success: what it was building goes, whole.
DELETE FROM document_versions v USING documents d
WHERE v.job_id = :job_id AND d.id = v.document_id AND d.live_version_id IS DISTINCT FROM v.id
RETURNING v.document_id;

-- name: delete_empty_documents
-- A document without any version was never there.
DELETE FROM documents d WHERE d.id = ANY (:ids) AND d.live_version_id IS NULL
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.document_id = d.id);
