-- Jobs as users see them, each with the reason for its state.

-- name: list_jobs
-- List jobs of the workspace, newest first: of one user or of all, by kind and state, or with these words in their
-- question or name. The reason is computed for the listed jobs only.
WITH listed AS (
    SELECT id FROM jobs
    WHERE (CAST(:requester AS text) IS NULL OR requester = :requester)
      AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY (CAST(:states AS text[])))
      AND (CAST(:search AS text) = '' OR position(lower(:search) IN lower(coalesce(payload ->> 'question', payload ->> 'name', ''))) > 0
           OR CAST(id AS text) = :search)
    ORDER BY id DESC LIMIT :limit OFFSET :offset
)
SELECT j.id, j.kind, j.state, j.stage, j.payload, j.progress_done, j.progress_total, j.progress_text, j.result, j.error_class, j.error,
       j.cancel_requested, j.attempt, j.max_attempts, j.created_at, j.finished_at, i.why, j.requester, j.delivery_id,
       j.kind = 'ask' AND coalesce(d.private, false) AS private,
       CASE WHEN j.state = 'queued' THEN jobs_ahead(j.queue, j.id) END AS ahead,
       (SELECT estimate_wait_s(p.typical_s, p.slots, p.running, p.elapsed_s, jobs_ahead(j.queue, j.id)) FROM question_pace() p
        WHERE j.state = 'queued' AND j.queue = 'query' AND j.run_after <= now()) AS wait_s
FROM listed JOIN jobs j ON j.id = listed.id JOIN inspect.jobs i ON i.id = j.id LEFT JOIN deliveries d ON d.id = j.delivery_id
ORDER BY j.id DESC;

-- name: find_job
-- Find one job in the same form.
SELECT j.id, j.kind, j.state, j.stage, j.payload, j.progress_done, j.progress_total, j.progress_text, j.result, j.error_class, j.error,
       j.cancel_requested, j.attempt, j.max_attempts, j.created_at, j.finished_at, i.why, j.requester, j.delivery_id,
       j.kind = 'ask' AND coalesce(d.private, false) AS private,
       CASE WHEN j.state = 'queued' THEN jobs_ahead(j.queue, j.id) END AS ahead,
       (SELECT estimate_wait_s(p.typical_s, p.slots, p.running, p.elapsed_s, jobs_ahead(j.queue, j.id)) FROM question_pace() p
        WHERE j.state = 'queued' AND j.queue = 'query' AND j.run_after <= now()) AS wait_s
FROM jobs j JOIN inspect.jobs i ON i.id = j.id LEFT JOIN deliveries d ON d.id = j.delivery_id
WHERE j.id = :id;

-- name: list_jobs_of_deliveries
-- List the jobs of deliveries, each with the reason for its state. Positions in a queue are counted once for all of
-- them, up to 1,000 as in `jobs_ahead`; the pace of questions is also read once.
WITH queues AS (
    SELECT q.queue, EXISTS (
        SELECT FROM workers k WHERE q.queue = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds') AS served
    FROM (SELECT DISTINCT queue FROM jobs WHERE delivery_id = ANY (CAST(:ids AS bigint[])) AND state = 'queued') q
),
places AS MATERIALIZED (
    SELECT w.id, row_number() OVER (PARTITION BY q.queue ORDER BY w.virtual_time, w.id) - 1 AS ahead
    FROM queues q CROSS JOIN LATERAL (
        SELECT o.id, o.virtual_time FROM jobs o WHERE o.queue = q.queue AND o.state = 'queued'
        ORDER BY o.virtual_time, o.id LIMIT 1000) w
),
pace AS MATERIALIZED (SELECT p.* FROM question_pace() p WHERE EXISTS (SELECT FROM queues WHERE queue = 'query'))
SELECT j.delivery_id, j.id, j.kind, j.state, j.stage, j.payload, j.progress_done, j.progress_total, j.progress_text, j.result,
       j.error_class, j.error, j.cancel_requested, j.attempt, j.max_attempts, j.created_at, j.finished_at,
       CASE WHEN j.state = 'queued' THEN coalesce(p.ahead, 1000) END AS ahead,
       CASE WHEN j.state = 'queued' AND j.run_after <= now() AND j.published_at IS NOT NULL AND q.served THEN
                format('Waiting in the queue "%s" behind %s jobs.', j.queue, coalesce(p.ahead, 1000))
            ELSE (SELECT i.why FROM inspect.jobs i WHERE i.id = j.id) END AS why,
       (SELECT estimate_wait_s(e.typical_s, e.slots, e.running, e.elapsed_s, coalesce(p.ahead, 1000)) FROM pace e
        WHERE j.state = 'queued' AND j.queue = 'query' AND j.run_after <= now()) AS wait_s
FROM jobs j
LEFT JOIN queues q ON q.queue = j.queue
LEFT JOIN places p ON p.id = j.id
WHERE j.delivery_id = ANY (CAST(:ids AS bigint[]))
ORDER BY j.id;
