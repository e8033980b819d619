-- Queries for operators; `refdesk sql NAME` runs them as the read-only role. The first comment line is shown as help.

-- name: inspect_documents
-- Documents with chunks and vectors, newest first.
SELECT id, workspace, title, media_type, chunks, vectors, pages, updated_at FROM inspect.documents ORDER BY updated_at DESC LIMIT 100;

-- name: inspect_jobs
-- The last 50 jobs, each with the reason for its state.
SELECT id, workspace, kind, state, stage, attempt, left(about, 40) AS about, why FROM inspect.jobs ORDER BY id DESC LIMIT 50;

-- name: inspect_waiting
-- The 100 oldest open jobs and what they wait for.
SELECT id, workspace, kind, state, stage, round(age_ms / 1000) AS age_s, why FROM inspect.jobs WHERE state IN ('queued', 'running') ORDER BY id LIMIT 100;

-- name: inspect_failed
-- Failed and dead jobs, newest first.
SELECT id, workspace, kind, state, left(about, 60) AS about, error_class, error, finished_at FROM inspect.jobs
WHERE state IN ('failed', 'dead') ORDER BY finished_at DESC LIMIT 50;

-- name: inspect_errors
-- Errors of the last seven days by class and number of jobs.
SELECT kind, error_class, count(*) AS jobs, max(finished_at) AS last FROM inspect.jobs
WHERE error_class IS NOT NULL AND created_at > now() - interval '7 days' GROUP BY 1, 2 ORDER BY 3 DESC;

-- name: inspect_queries
-- The last 50 questions with method, duration and cost.
SELECT id, left(question, 50) AS question, abstained, recall, plan, rows_returned, reranker, answer_model, round(total_ms) AS ms, trim_scale(cost_usd) AS cost_usd
FROM inspect.queries ORDER BY id DESC LIMIT 50;

-- name: inspect_ranking
-- Candidates of the last question before and after reranking.
SELECT rank, recall_rank, moved_up, score, dense_score, keyword_score, citation, document, title, page, chunk
FROM inspect.rankings WHERE query = (SELECT max(id) FROM inspect.queries) ORDER BY rank LIMIT 20;

-- name: inspect_short_recalls
-- Questions whose recall returned fewer rows than requested, with the plan that ran.
SELECT id, left(question, 50) AS question, plan, rows_asked, rows_returned, created_at FROM inspect.queries
WHERE rows_returned < rows_asked ORDER BY id DESC LIMIT 50;

-- name: inspect_fallbacks
-- Stages that failed, the method that replaced them, and the reason.
SELECT q.id, f ->> 'stage' AS stage, f ->> 'method' AS method, f ->> 'used' AS used, f ->> 'reason' AS reason, q.created_at
FROM inspect.queries q, jsonb_array_elements(q.fallbacks) AS f ORDER BY q.id DESC LIMIT 50;

-- name: inspect_latency
-- Median and 95th percentile of each stage by reranker, over the last 1,000 questions.
SELECT q.reranker, s.stage, count(*) AS questions, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY s.ms::float)::numeric, 1) AS p50_ms,
       round(percentile_cont(0.95) WITHIN GROUP (ORDER BY s.ms::float)::numeric, 1) AS p95_ms
FROM (SELECT * FROM inspect.queries ORDER BY id DESC LIMIT 1000) q, jsonb_each_text(q.timings_ms) AS s(stage, ms)
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: inspect_cost
-- Calls, tokens and US dollars by day and model.
SELECT created_at::date AS day, answer_model, reranker, count(*) AS questions, sum(calls) AS calls,
       sum(prompt_tokens + completion_tokens) AS tokens, trim_scale(sum(cost_usd)) AS cost_usd
FROM inspect.queries GROUP BY 1, 2, 3 ORDER BY 1 DESC LIMIT 60;

-- name: inspect_spending
-- US dollars by day, workspace and user over the last seven days; reserved: set aside without a trace.
SELECT day, workspace, requester, questions, calls, tokens, trim_scale(cost_usd) AS cost_usd, trim_scale(reserved_usd) AS reserved_usd
FROM inspect.spending
WHERE day > now() - interval '7 days' ORDER BY day DESC, cost_usd DESC LIMIT 100;

-- name: inspect_deliveries
-- The last 50 messages of the Discord bot, each with the reason for its state.
SELECT id, workspace, kind, state, route, private, jobs, why, channel_id, message_id, created_at FROM inspect.deliveries
ORDER BY id DESC LIMIT 50;

-- name: inspect_undelivered
-- The 100 oldest messages that are open or undeliverable.
SELECT id, workspace, kind, state, jobs, attempts, why, user_id, channel_id, created_at FROM inspect.deliveries
WHERE state <> 'delivered' ORDER BY id LIMIT 100;

-- name: inspect_feedback
-- The last 50 votes with their question and reranker.
SELECT job, workspace, vote, reason, left(question, 60) AS question, reranker, answer_model, abstained, updated_at FROM inspect.feedback
ORDER BY updated_at DESC LIMIT 50;

-- name: inspect_votes
-- Votes by reranker and model over the last 90 days.
SELECT reranker, answer_model, count(*) FILTER (WHERE vote > 0) AS up, count(*) FILTER (WHERE vote < 0) AS down,
       count(*) FILTER (WHERE reason = 'wrong') AS wrong, count(*) FILTER (WHERE reason = 'incomplete') AS incomplete,
       count(*) FILTER (WHERE reason = 'outdated') AS outdated
FROM inspect.feedback WHERE updated_at > now() - interval '90 days' GROUP BY 1, 2 ORDER BY 3 DESC;

-- name: inspect_gaps
-- The last 50 questions without an answer or with votes against it, and whether they are open.
SELECT query, workspace, left(question, 60) AS question, abstained, votes_against, state, resolved_by, created_at FROM inspect.gaps
ORDER BY query DESC LIMIT 50;

-- name: inspect_keywords
-- Segments of the keyword index and the tail of each workspace.
SELECT * FROM inspect.keyword_segments ORDER BY workspace, postings DESC LIMIT 100;

-- name: inspect_workers
-- Worker processes and whether they are running.
SELECT * FROM inspect.workers ORDER BY last_seen DESC LIMIT 50;

-- name: inspect_profiles
-- Embedding profiles with their vectors and backlog.
SELECT * FROM inspect.profiles ORDER BY id;

-- name: inspect_events
-- The last 100 changes of jobs.
SELECT job, workspace, at, state, stage, attempt, worker, note FROM inspect.events ORDER BY at DESC LIMIT 100;

-- name: inspect_sizes
-- Tables by size on disk.
SELECT relname AS "table", pg_size_pretty(pg_total_relation_size(c.oid)) AS size, reltuples::bigint AS rows_about
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY pg_total_relation_size(c.oid) DESC;
