-- Values for monitoring: one row per metric and set of labels, without texts, names and IDs of persons and servers.
-- The tables are qualified, because the search path of the login for inspection begins with its views.

-- name: read_metrics
-- Read all values in one snapshot. Durations and answers are those of the last 10 minutes: at most 1,000 jobs, and 1,000
-- answers of each workspace.
WITH counted AS MATERIALIZED (
    SELECT queue, state, count(*) AS jobs FROM public.jobs GROUP BY queue, state
), recent AS MATERIALIZED (
    -- The newest events are found by their key; jobs have no index by the time of their end.
    SELECT j.id, j.queue, j.requested_at, j.finished_at
    FROM (SELECT DISTINCT job_id FROM public.job_events
          WHERE id > (SELECT max(id) - 20000 FROM public.job_events) AND state = 'succeeded' AND at > now() - interval '10 minutes') e
    JOIN public.jobs j ON j.id = e.job_id
    WHERE j.state = 'succeeded' ORDER BY j.finished_at DESC LIMIT 1000
), answers AS MATERIALIZED (
    SELECT q.* FROM public.workspaces w CROSS JOIN LATERAL (
        SELECT abstained, timings_ms FROM public.queries WHERE workspace_id = w.id AND created_at > now() - interval '10 minutes'
        ORDER BY created_at DESC LIMIT 1000) q
), stages AS (
    SELECT 'query' AS queue, t.stage, t.ms::float / 1000 AS seconds
    FROM answers a, jsonb_each_text(a.timings_ms) AS t (stage, ms) WHERE t.stage <> 'total'
    UNION ALL
    -- A stage of a document lasts until the next event of its job.
    SELECT e.queue, e.stage, extract(epoch FROM e.next_at - e.at)::float FROM (
        SELECT r.queue, v.state, v.stage, v.at, lead(v.at) OVER (PARTITION BY v.job_id ORDER BY v.id) AS next_at
        FROM recent r JOIN public.job_events v ON v.job_id = r.id WHERE r.queue = 'ingest') e
    WHERE e.state = 'running' AND e.next_at IS NOT NULL
)
SELECT 'jobs' AS metric, jsonb_build_object('queue', q.queue, 'state', s.state) AS labels, coalesce(c.jobs, 0)::float AS value
FROM unnest('{query,ingest}'::text[]) AS q (queue)
CROSS JOIN unnest('{queued,running,succeeded,failed,cancelled,dead}'::text[]) AS s (state) LEFT JOIN counted c USING (queue, state)
UNION ALL
SELECT 'oldest_waiting_job_seconds', jsonb_build_object('queue', q.queue),
       coalesce((SELECT extract(epoch FROM now() - min(greatest(j.requested_at, j.run_after))) FROM public.jobs j
                 WHERE j.queue = q.queue AND j.state = 'queued' AND j.run_after <= now()), 0)
FROM unnest('{query,ingest}'::text[]) AS q (queue)
UNION ALL
SELECT 'job_duration_seconds', jsonb_build_object('queue', r.queue, 'quantile', p.quantile::text),
       percentile_cont(p.quantile) WITHIN GROUP (ORDER BY extract(epoch FROM r.finished_at - r.requested_at))
FROM recent r, unnest('{0.5,0.95}'::float[]) AS p (quantile) GROUP BY r.queue, p.quantile
UNION ALL
SELECT 'stage_duration_seconds', jsonb_build_object('queue', s.queue, 'stage', s.stage, 'quantile', p.quantile::text),
       percentile_cont(p.quantile) WITHIN GROUP (ORDER BY s.seconds)
FROM stages s, unnest('{0.5,0.95}'::float[]) AS p (quantile) GROUP BY s.queue, s.stage, p.quantile
UNION ALL
SELECT 'recent_answers', jsonb_build_object('result', r.result), count(a.abstained)
FROM (VALUES ('answered', false), ('abstained', true)) AS r (result, abstained) LEFT JOIN answers a USING (abstained) GROUP BY r.result
UNION ALL
SELECT 'workers', jsonb_build_object('role', r.role),
       (SELECT count(*) FROM public.workers w WHERE w.role = r.role AND w.last_seen > now() - interval '30 seconds')
FROM unnest('{query,ingest}'::text[]) AS r (role)
UNION ALL
SELECT 'embedded_chunks', jsonb_build_object('profile', p.name), (SELECT count(*) FROM public.embeddings e WHERE e.profile_id = p.id)
FROM public.embedding_profiles p
UNION ALL
SELECT 'waiting_chunks', jsonb_build_object('profile', p.name), (SELECT count(*) FROM public.embedding_queue q WHERE q.profile_id = p.id)
FROM public.embedding_profiles p
UNION ALL
SELECT 'deliveries', jsonb_build_object('state', s.state), (SELECT count(*) FROM public.deliveries d WHERE d.state = s.state)
FROM unnest('{open,delivered,undeliverable}'::text[]) AS s (state)
UNION ALL
SELECT 'oldest_due_delivery_seconds', '{}', coalesce(extract(epoch FROM now() - min(due_at)), 0)
FROM public.deliveries d WHERE state = 'open' AND due_at <= now() AND (claim_expires IS NULL OR claim_expires < now())
UNION ALL
SELECT 'spending_today_usd', '{}', coalesce(sum(s.usd), 0) FROM public.workspaces w CROSS JOIN LATERAL (
    SELECT sum(cost_usd) AS usd FROM public.queries WHERE workspace_id = w.id AND created_at >= current_date
    UNION ALL
    SELECT sum(cost_usd) FROM public.embedding_usage WHERE workspace_id = w.id AND created_at >= current_date) s
UNION ALL
SELECT 'documents', '{}', count(*) FROM public.documents
UNION ALL
SELECT 'store_bytes', '{}', sum(pg_total_relation_size(oid)) FROM pg_class
WHERE relkind = 'r' AND relnamespace = CAST('public' AS regnamespace);

-- name: read_store_id
-- Read an identity of this store: that of the server with its data, and of the database on it.
SELECT format('%s/%s', (SELECT system_identifier FROM pg_control_system()), (SELECT oid FROM pg_database WHERE datname = current_database()));
