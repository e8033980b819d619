ALTER TABLE feedback ADD COLUMN reason text;
ALTER TABLE feedback ADD CONSTRAINT feedback_reason_check CHECK (reason IS NULL OR reason IN ('wrong', 'incomplete', 'outdated') AND vote < 0);
COMMENT ON COLUMN feedback.reason IS 'Why the answer was not helpful: `wrong`, `incomplete`, or `outdated` sources. Null: no reason was chosen.';

CREATE OR REPLACE VIEW inspect.feedback WITH (security_invoker) AS
SELECT f.job_id AS job, w.key AS workspace, f.user_id, f.vote, coalesce(q.question, j.payload ->> 'question') AS question, q.answer, q.abstained,
       q.reranker, q.answer_model, f.created_at, f.updated_at, f.reason
FROM feedback f JOIN workspaces w ON w.id = f.workspace_id JOIN jobs j ON j.id = f.job_id LEFT JOIN queries q ON q.job_id = f.job_id;
