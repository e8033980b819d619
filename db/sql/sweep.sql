-- The sweeper: expired leases, lost messages and ingest jobs whose chunks are no longer queued.

-- name: try_sweep_lock
-- Allow one sweeper at a time; released with the transaction.
SELECT pg_try_advisory_xact_lock(72450002);

-- name: expire_job_leases
-- Let the leases of a worker expire now, because its process is known to have ended.
UPDATE jobs SET lease_expires = now()
WHERE state = 'running' AND lease_owner = :worker AND lease_expires > now()
RETURNING id;

-- name: expire_chunk_claims
-- Let the claims of a worker on chunks expire now, for the same reason.
UPDATE embedding_queue SET claim_expires = now() WHERE claim_owner = :worker AND claim_expires > now();

-- name: end_expired_leases
-- End expired leases: the job is queued again, or dead if its attempts are used up.
UPDATE jobs
SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN attempt >= max_attempts THEN 'dead' ELSE 'queued' END,
    error_class = 'WorkerLost',
    error = format('Worker %s stopped sending heartbeats in stage %s, attempt %s of %s.', lease_owner, stage, attempt, max_attempts),
    finished_at = CASE WHEN cancel_requested OR attempt >= max_attempts THEN now() END,
    progress_text = '', published_at = NULL, lease_token = NULL, lease_expires = NULL, writer_token = NULL
WHERE state = 'running' AND lease_expires < now()
RETURNING *;

-- name: list_jobs_to_publish
-- List queued jobs whose message is missing: never published, or so long ago that the message has expired. A message is
-- not bound to its job, because workers claim the next job in the fair order. Messages are therefore missing if more jobs
-- were published at least `patience_s` ago than the messages in the queue can start. A message too many is harmless: it
-- finds no job. A queue whose messages could not be counted is not in `queues`.
WITH waiting AS (
    SELECT j.id, j.queue, j.published_at,
           row_number() OVER (PARTITION BY j.queue, j.published_at < now() - make_interval(secs => :patience_s) ORDER BY j.virtual_time, j.id) AS place
    FROM jobs j WHERE j.state = 'queued' AND j.run_after <= now()
)
SELECT w.id, w.queue FROM waiting w
LEFT JOIN unnest(CAST(:queues AS text[]), CAST(:startable AS bigint[])) AS m(queue, startable) ON m.queue = w.queue
WHERE w.published_at IS NULL
   OR w.published_at < now() - make_interval(secs => :expires_s)
   OR (w.published_at < now() - make_interval(secs => :patience_s) AND w.place > m.startable)
ORDER BY w.id LIMIT 1000;

-- name: list_stuck_embedding_jobs
-- List ingest jobs that wait for vectors although none of their chunks is queued.
SELECT j.id, v.id AS version_id FROM jobs j LEFT JOIN document_versions v ON v.job_id = j.id
WHERE j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL
  AND NOT EXISTS (SELECT FROM embedding_queue q
                  WHERE q.version_id = v.id AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live'));

-- name: cancel_embedding_job
-- Cancel an ingest job that waits for the vectors of a deleted document.
UPDATE jobs SET state = 'cancelled', finished_at = now(), error_class = 'Cancelled', error = 'The document was deleted.'
WHERE id = :id AND state = 'running' AND stage = 'embed' AND lease_token IS NULL;
