-- The weights of dense and keyword recall, which depend on the share of the question that the embedding model can read.
-- Null in traces written before this revision or by older workers.
ALTER TABLE queries ADD COLUMN dense_weight double precision, ADD COLUMN keyword_weight double precision;
COMMENT ON COLUMN queries.dense_weight IS 'Weight of the vector leg: the share of the question that the embedding model can read; 0 when the leg was not asked.';
COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword leg: 1, or 0 when it was not asked.';

CREATE OR REPLACE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at, q.searched_as,
       q.dense_weight, q.keyword_weight
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;
