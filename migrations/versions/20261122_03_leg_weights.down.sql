-- Takes the weights away again. A view cannot lose columns in place, so it is made anew as the schema before had it.
DROP VIEW inspect.queries;
ALTER TABLE queries DROP COLUMN dense_weight, DROP COLUMN keyword_weight;

CREATE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at, q.searched_as
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;
COMMENT ON VIEW inspect.queries IS 'Answered questions with stages, costs and fallbacks.';
GRANT SELECT ON inspect.queries TO refdesk_read, refdesk_worker, refdesk_app;
