-- The sweeper: expired leases, lost messages, jobs that wait without effect.

-- name: try_sweep_lock
-- One sweeper at a time, whichever worker it is; released with the transaction.
SELECT pg_try_advisory_xact_lock(72450002);

-- name: end_expired_leases
-- Jobs whose worker fell silent: queued again, or dead when the attempts are used up.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END,
    error_class = 'WorkerLost',
    error = format('The worker %s fell silent in stage %s, attempt %s of %s.', lease_owner, stage, attempt, max_attempts),
    finished_at = CASE WHEN cancel_requested OR attempt >= max_attempts THEN now() END,
    published_at = NULL, lease_token = NULL, lease_expires = NULL
WHERE state = 'running' AND lease_expires < now()
RETURNING *;

-- name: list_jobs_to_publish
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

-- name: list_stuck_embedding_jobs
-- Ingest jobs that wait for vectors although none of their chunks is queued any more.
SELECT j.id, v.id AS version_id FROM jobs j LEFT JOIN document_versions v ON v.job_id = j.id
WHERE j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL
  AND NOT EXISTS (SELECT FROM embedding_queue q
                  WHERE q.version_id = v.id AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live'));

-- name: cancel_embedding_job
-- An ingest job waits for vectors of a version that is gone: its document was deleted meanwhile.
UPDATE jobs SET state = 'cancelled', finished_at = now(), error_class = 'Cancelled', error = 'Its document was deleted.'
WHERE id = :id AND state = 'running' AND stage = 'embed' AND lease_token IS NULL;
