-- A question reserves the estimated cost of its paid calls before it makes them, so that concurrent questions cannot use the same
-- budget twice. The trace, which records the real cost, replaces the reservation.
CREATE TABLE spending_reservations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    job_id        bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    requester     text NOT NULL DEFAULT '',
    lease_token   uuid NOT NULL,
    usd           numeric(12, 6) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX spending_reservations_of_workspace ON spending_reservations (workspace_id, created_at DESC);
CREATE INDEX spending_reservations_of_job ON spending_reservations (job_id);
CREATE INDEX spending_reservations_of_lease ON spending_reservations (lease_token);
COMMENT ON TABLE spending_reservations IS 'Money set aside by attempts at questions that have no trace yet; an attempt that failed keeps its row.';
COMMENT ON COLUMN spending_reservations.id IS 'Number of the reservation.';
COMMENT ON COLUMN spending_reservations.workspace_id IS 'Tenant.';
COMMENT ON COLUMN spending_reservations.job_id IS 'The job of the question.';
COMMENT ON COLUMN spending_reservations.requester IS 'Who asked.';
COMMENT ON COLUMN spending_reservations.lease_token IS 'The attempt: the token of its lease.';
COMMENT ON COLUMN spending_reservations.usd IS 'Estimated cost in US dollars.';
COMMENT ON COLUMN spending_reservations.created_at IS 'When it was set aside.';

GRANT SELECT, INSERT, DELETE ON spending_reservations TO refdesk_app;
GRANT SELECT ON spending_reservations TO refdesk_worker, refdesk_read;
ALTER TABLE spending_reservations ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON spending_reservations TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON spending_reservations TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON spending_reservations FOR SELECT TO refdesk_read USING (true);

CREATE VIEW inspect.spending WITH (security_invoker) AS
SELECT w.key AS workspace, s.requester, s.created_at::date AS day, sum(s.questions)::integer AS questions, sum(s.calls)::bigint AS calls,
       sum(s.tokens)::bigint AS tokens, sum(s.cost_usd) AS cost_usd, sum(s.reserved_usd) AS reserved_usd
FROM (
    SELECT workspace_id, requester, created_at, 1 AS questions, calls, prompt_tokens + completion_tokens AS tokens, cost_usd,
           0::numeric AS reserved_usd FROM queries
    UNION ALL
    SELECT workspace_id, requester, created_at, 0, 0, 0, 0, usd FROM spending_reservations
) s JOIN workspaces w ON w.id = s.workspace_id
GROUP BY w.key, s.requester, s.created_at::date;
COMMENT ON VIEW inspect.spending IS 'What questions cost by day, workspace and person, and what is set aside for those without a trace.';
GRANT SELECT ON inspect.spending TO refdesk_read, refdesk_worker, refdesk_app;
