-- Worker processes and their heartbeats.

-- name: upsert_worker
-- Store a heartbeat. The model is that of the live profile, because after a switch a worker uses another model than at
-- its start.
INSERT INTO workers (id, role, queues, host, pid, model, rerankers, concurrency, last_task_at)
VALUES (:id, :role, :queues, :host, :pid, :model, :rerankers, :concurrency, CASE WHEN CAST(:took_task AS boolean) THEN now() END)
ON CONFLICT (id) DO UPDATE SET last_seen = now(), rerankers = excluded.rerankers,
    model = coalesce((SELECT p.model FROM embedding_profiles p WHERE p.state = 'live'), excluded.model),
    last_task_at = coalesce(excluded.last_task_at, workers.last_task_at);

-- name: delete_lost_workers
-- Delete workers without a heartbeat for a day.
DELETE FROM workers WHERE last_seen < now() - interval '1 day';

-- name: count_live_workers
-- Count the running workers of a queue.
SELECT count(*) FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';

-- name: list_live_workers
-- List the running workers of a queue with host and process, so that a command can check a process on its own machine.
SELECT * FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';

-- name: is_idle_next_to_jobs
-- Return whether published jobs wait although a worker has no job and no chunks.
SELECT EXISTS (SELECT FROM jobs WHERE queue = :queue AND state = 'queued' AND run_after <= now() AND published_at IS NOT NULL)
   AND NOT EXISTS (SELECT FROM jobs WHERE state = 'running' AND lease_owner = :worker)
   AND NOT EXISTS (SELECT FROM embedding_queue WHERE claim_owner = :worker);

-- name: count_free_connections
-- Count the connections that the server still accepts from ordinary users. The type of the connections of other users is
-- hidden from ordinary logins, but not that they have a user.
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - (SELECT count(*) FROM pg_stat_activity
          WHERE usesysid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend');
