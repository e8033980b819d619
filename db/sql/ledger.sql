-- The job ledger: submit, claim, renew, finish, sweep. Every write of a worker names its lease's token, so a worker
-- that lost the lease changes nothing.

-- name: submit_job
-- Add a job; the same request key again gives no row, and the caller reads the job that is there.
INSERT INTO jobs (workspace_id, kind, queue, requester, request_key, payload, delivery_id, max_attempts)
VALUES (:workspace_id, :kind, :queue, :requester, :request_key, CAST(:payload AS jsonb), CAST(:delivery_id AS bigint), :max_attempts)
ON CONFLICT (workspace_id, request_key) DO NOTHING
RETURNING id;

-- name: mark_published
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

-- name: hold_lease
-- The fence: lock the job's row for this transaction if the lease still holds; no row: write nothing. Tells at the same
-- time whether a person wants the job to stop.
SELECT cancel_requested FROM jobs WHERE id = :id AND lease_token = :token AND state = 'running' FOR UPDATE;

-- name: report_progress
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

-- name: end_cancelled
-- The worker saw the wish to stop; fenced.
UPDATE jobs SET state = 'cancelled', finished_at = now(), lease_token = NULL, lease_expires = NULL
WHERE id = :id AND lease_token = :token AND state = 'running'
RETURNING *;

-- name: give_back_job
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

-- name: retry_job
-- A person's wish: start anew with all attempts.
UPDATE jobs
SET state = 'queued', stage = '', attempt = 0, error = NULL, error_class = NULL, result = NULL, cancel_requested = false,
    run_after = now(), requested_at = now(), published_at = NULL, finished_at = NULL, delivered_at = NULL
WHERE id = :id AND state IN ('failed', 'dead', 'cancelled')
RETURNING *;

-- name: lift_quarantine
-- Retrying a job says that its bytes may be tried again.
DELETE FROM quarantine q USING jobs j
WHERE j.id = :id AND q.workspace_id = j.workspace_id
  AND (q.job_id = j.id OR encode(q.sha256, 'hex') = j.payload ->> 'sha256');

-- name: quarantine_content
-- Remember bytes that killed their worker as often as a job may be tried.
INSERT INTO quarantine (workspace_id, sha256, job_id, error)
SELECT workspace_id, decode(payload ->> 'sha256', 'hex'), id, coalesce(error, '')
FROM jobs WHERE id = :id AND payload ->> 'sha256' IS NOT NULL
ON CONFLICT (workspace_id, sha256) DO UPDATE SET job_id = excluded.job_id, error = excluded.error, created_at = now();

-- name: quarantined
-- Whether these bytes are not to be tried.
SELECT job_id, error FROM quarantine WHERE workspace_id = :workspace_id AND sha256 = :sha256;

-- name: sweep_expired
-- Jobs whose worker fell silent: queued again, or dead when the attempts are used up.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END,
    error_class = 'WorkerLost',
    error = format('The worker %s fell silent in stage %s, attempt %s of %s.', lease_owner, stage, attempt, max_attempts),
    finished_at = CASE WHEN cancel_requested OR attempt >= max_attempts THEN now() END,
    published_at = NULL, lease_token = NULL, lease_expires = NULL
WHERE state = 'running' AND lease_expires < now()
RETURNING *;

-- name: due_unpublished
-- Jobs that should be on the queue and are not: never published; published long ago on a queue that is empty now, or before
-- a job that has left the queue since (queues are first in, first out); or so long ago that the message has expired.
-- A second message for the same job is harmless: the claim decides.
WITH moved AS (
    SELECT queue, max(published_at) AS up_to FROM jobs
    WHERE state <> 'queued' AND published_at > now() - make_interval(secs => :expires_s) GROUP BY queue
)
SELECT j.id, j.queue FROM jobs j LEFT JOIN moved m ON m.queue = j.queue
WHERE j.state = 'queued' AND j.run_after <= now()
  AND (j.published_at IS NULL
       OR j.published_at < now() - make_interval(secs => :expires_s)
       OR (j.published_at < now() - make_interval(secs => :patience_s)
           AND (j.queue = ANY (CAST(:empty AS text[])) OR j.published_at < m.up_to - make_interval(secs => :patience_s))))
ORDER BY j.id LIMIT 1000;

-- name: stuck_in_embed
-- Ingest jobs that wait for vectors although none of their chunks is queued any more.
SELECT j.id, v.id AS version_id FROM jobs j LEFT JOIN document_versions v ON v.job_id = j.id
WHERE j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL
  AND NOT EXISTS (SELECT FROM embedding_queue q
                  WHERE q.version_id = v.id AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live'));

-- name: end_deleted
-- An ingest job waits for vectors of a version that is gone: its document was deleted meanwhile.
UPDATE jobs SET state = 'cancelled', finished_at = now(), error_class = 'Cancelled', error = 'Its document was deleted.'
WHERE id = :id AND state = 'running' AND stage = 'embed' AND lease_token IS NULL;

-- name: cancel_source
-- A document is deleted: what is still to build it must not bring it back.
UPDATE jobs
SET cancel_requested = true, error_class = 'Cancelled', error = 'Its document was deleted.',
    state = CASE WHEN lease_token IS NULL THEN 'cancelled' ELSE state END,
    finished_at = CASE WHEN lease_token IS NULL THEN now() ELSE finished_at END
WHERE id IN (
    SELECT j.id FROM jobs j JOIN documents d ON d.workspace_id = j.workspace_id AND d.source = j.payload ->> 'source'
    WHERE d.id = :document_id AND j.kind = 'ingest' AND j.state IN ('queued', 'running') ORDER BY j.id FOR UPDATE OF j
);

-- name: try_sweep_lock
-- One sweeper at a time, whichever worker it is; released with the transaction.
SELECT pg_try_advisory_xact_lock(72450002);

-- name: beat
-- A worker's sign of life; after a switch of profiles it works with another model than it started with.
INSERT INTO workers (id, role, queues, host, pid, model, last_task_at)
VALUES (:id, :role, :queues, :host, :pid, :model, CASE WHEN CAST(:took_task AS boolean) THEN now() END)
ON CONFLICT (id) DO UPDATE SET last_seen = now(),
    model = coalesce((SELECT p.model FROM embedding_profiles p WHERE p.state = 'live'), excluded.model),
    last_task_at = coalesce(excluded.last_task_at, workers.last_task_at);

-- name: leave
-- A worker that stops cleanly is no longer there.
DELETE FROM workers WHERE id = :id;

-- name: forget_workers
-- Workers that died long ago.
DELETE FROM workers WHERE last_seen < now() - interval '1 day';

-- name: count_workers
-- Workers alive for a queue.
SELECT count(*) FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';

-- name: living_workers
-- The same, each with host and process, so that a command can see whether one on its own machine is really there.
SELECT * FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';

-- name: why_job
-- The sentence that says why a job is where it is; the same that operators read.
SELECT why FROM inspect.jobs WHERE id = :id;
