-- A text of 10 tokens costs 0.0000002 dollars at an endpoint with $0.02 per million tokens. Without a precision, PostgreSQL does not
-- rewrite the tables. It does not change the type of a column that a view reads, so the views are created again.
DROP VIEW inspect.spending, inspect.queries, spending;
ALTER TABLE queries ALTER COLUMN cost_usd TYPE numeric;
ALTER TABLE spending_reservations ALTER COLUMN usd TYPE numeric;

CREATE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at, q.searched_as,
       q.dense_weight, q.keyword_weight
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;
COMMENT ON VIEW inspect.queries IS 'Answered questions with stages, costs and fallbacks.';

CREATE VIEW spending WITH (security_invoker) AS
SELECT workspace_id, requester, created_at, 1 AS questions, calls, prompt_tokens + completion_tokens AS tokens, cost_usd,
       0::numeric AS reserved_usd, NULL::bigint AS job_id, NULL::uuid AS lease_token FROM queries
UNION ALL
SELECT workspace_id, requester, created_at, 0, 0, tokens, cost_usd, 0, NULL, NULL FROM embedding_usage WHERE requester IS NOT NULL
UNION ALL
-- The recorded batches of a document are part of the amount that it has reserved.
SELECT r.workspace_id, r.requester, r.created_at, 0, 0, 0, 0, greatest(r.usd - coalesce(sum(u.cost_usd), 0), 0), r.job_id, r.lease_token
FROM spending_reservations r JOIN jobs j ON j.id = r.job_id
LEFT JOIN embedding_usage u ON u.job_id = r.job_id AND u.requester IS NOT NULL AND u.created_at >= r.created_at
WHERE j.kind = 'ask' OR j.state IN ('queued', 'running')
GROUP BY r.id;
COMMENT ON VIEW spending IS 'What counts toward the spending limits: questions, embedded documents, and the rest of the reservations of running jobs.';
GRANT SELECT ON spending TO refdesk_read, refdesk_worker, refdesk_app;

CREATE VIEW inspect.spending WITH (security_invoker) AS
SELECT w.key AS workspace, s.requester, s.created_at::date AS day, sum(s.questions)::integer AS questions, sum(s.calls)::bigint AS calls,
       sum(s.tokens)::bigint AS tokens, sum(s.cost_usd) AS cost_usd, sum(s.reserved_usd) AS reserved_usd
FROM spending s JOIN workspaces w ON w.id = s.workspace_id
GROUP BY w.key, s.requester, s.created_at::date;
COMMENT ON VIEW inspect.spending IS 'Cost by day, workspace and user (questions and embedded documents), and money reserved for running jobs.';
GRANT SELECT ON inspect.queries, inspect.spending TO refdesk_read, refdesk_worker, refdesk_app;
