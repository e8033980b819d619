CREATE OR REPLACE VIEW inspect.spending WITH (security_invoker) AS
SELECT w.key AS workspace, s.requester, s.created_at::date AS day, sum(s.questions)::integer AS questions, sum(s.calls)::bigint AS calls,
       sum(s.tokens)::bigint AS tokens, sum(s.cost_usd) AS cost_usd, sum(s.reserved_usd) AS reserved_usd
FROM (
    SELECT workspace_id, requester, created_at, 1 AS questions, calls, prompt_tokens + completion_tokens AS tokens, cost_usd,
           0::numeric AS reserved_usd FROM queries
    UNION ALL
    SELECT workspace_id, requester, created_at, 0, 0, 0, 0, usd FROM spending_reservations
) s JOIN workspaces w ON w.id = s.workspace_id
GROUP BY w.key, s.requester, s.created_at::date;
COMMENT ON VIEW inspect.spending IS 'Cost by day, workspace and user, and money reserved for questions without a trace.';
DROP VIEW spending;
DROP TABLE embedding_usage;
DELETE FROM spending_reservations r USING jobs j WHERE j.id = r.job_id AND j.kind <> 'ask';
COMMENT ON TABLE spending_reservations IS 'Money reserved for running questions until their traces record the real cost; a failed attempt keeps its row.';
COMMENT ON COLUMN spending_reservations.job_id IS 'Job of the question.';
COMMENT ON COLUMN spending_reservations.requester IS 'User who asked.';
COMMENT ON COLUMN queries.calls IS 'Number of calls to language models.';
