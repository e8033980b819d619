DROP VIEW inspect.feedback;
ALTER TABLE feedback DROP COLUMN reason;

CREATE VIEW inspect.feedback WITH (security_invoker) AS
SELECT f.job_id AS job, w.key AS workspace, f.user_id, f.vote, coalesce(q.question, j.payload ->> 'question') AS question, q.answer, q.abstained,
       q.reranker, q.answer_model, f.created_at, f.updated_at
FROM feedback f JOIN workspaces w ON w.id = f.workspace_id JOIN jobs j ON j.id = f.job_id LEFT JOIN queries q ON q.job_id = f.job_id;
COMMENT ON VIEW inspect.feedback IS 'Votes with their question and answer.';
GRANT SELECT ON inspect.feedback TO refdesk_read, refdesk_worker, refdesk_app;
