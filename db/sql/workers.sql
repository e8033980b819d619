-- Worker processes and their heartbeats.

-- name: upsert_worker
-- A worker's sign of life; after a switch of profiles it works with another model than it started with.
INSERT INTO workers (id, role, queues, host, pid, model, last_task_at)
VALUES (:id, :role, :queues, :host, :pid, :model, CASE WHEN CAST(:took_task AS boolean) THEN now() END)
ON CONFLICT (id) DO UPDATE SET last_seen = now(),
    model = coalesce((SELECT p.model FROM embedding_profiles p WHERE p.state = 'live'), excluded.model),
    last_task_at = coalesce(excluded.last_task_at, workers.last_task_at);

-- name: delete_lost_workers
-- Workers that died long ago.
DELETE FROM workers WHERE last_seen < now() - interval '1 day';

-- name: count_live_workers
-- Workers alive for a queue.
SELECT count(*) FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';

-- name: list_live_workers
-- The same, each with host and process, so that a command can see whether one on its own machine is really there.
SELECT * FROM workers WHERE :queue = ANY (queues) AND last_seen > now() - interval '30 seconds';
