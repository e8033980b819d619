-- Questions record the usage of an embedding endpoint in their trace. This table records it for documents.
CREATE TABLE embedding_usage (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    profile_id    integer NOT NULL REFERENCES embedding_profiles,
    job_id        bigint REFERENCES jobs ON DELETE SET NULL,
    requester     text,
    tokens        bigint NOT NULL,
    cost_usd      numeric(16, 10) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX embedding_usage_of_workspace ON embedding_usage (workspace_id, created_at DESC);
CREATE INDEX embedding_usage_of_job ON embedding_usage (job_id);
CREATE INDEX embedding_usage_of_profile ON embedding_usage (profile_id);
COMMENT ON TABLE embedding_usage IS 'Tokens and cost of embedding documents with an endpoint, by batch and version.';
COMMENT ON COLUMN embedding_usage.id IS 'ID of the row.';
COMMENT ON COLUMN embedding_usage.workspace_id IS 'Tenant.';
COMMENT ON COLUMN embedding_usage.profile_id IS 'Embedding profile.';
COMMENT ON COLUMN embedding_usage.job_id IS 'Job that added the document.';
COMMENT ON COLUMN embedding_usage.requester IS 'User who added the document. Null for a profile that is not live: the operator builds it, and it does not count toward the limits.';
COMMENT ON COLUMN embedding_usage.tokens IS 'Tokens that the endpoint counted, or an estimate.';
COMMENT ON COLUMN embedding_usage.cost_usd IS 'Cost in US dollars, with the price from the settings.';
COMMENT ON COLUMN embedding_usage.created_at IS 'Time of the batch.';

GRANT SELECT ON embedding_usage TO refdesk_app, refdesk_read;
GRANT SELECT, INSERT ON embedding_usage TO refdesk_worker;
ALTER TABLE embedding_usage ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON embedding_usage TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON embedding_usage TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON embedding_usage FOR SELECT TO refdesk_read USING (true);

COMMENT ON TABLE spending_reservations IS 'Money reserved for running jobs. A question whose attempt failed keeps its row until 24 hours have passed; the rows of a document count while its job is open.';
COMMENT ON COLUMN spending_reservations.job_id IS 'Job of the question or document.';
COMMENT ON COLUMN spending_reservations.requester IS 'User who asked or added the document.';

CREATE VIEW spending WITH (security_invoker) AS
SELECT workspace_id, requester, created_at, 1 AS questions, calls, prompt_tokens + completion_tokens AS tokens, cost_usd,
       0::numeric AS reserved_usd, NULL::bigint AS job_id, NULL::uuid AS lease_token FROM queries
UNION ALL
SELECT workspace_id, requester, created_at, 0, 0, tokens, cost_usd, 0, NULL, NULL FROM embedding_usage WHERE requester IS NOT NULL
UNION ALL
SELECT r.workspace_id, r.requester, r.created_at, 0, 0, 0, 0, r.usd, r.job_id, r.lease_token
FROM spending_reservations r JOIN jobs j ON j.id = r.job_id WHERE j.kind = 'ask' OR j.state IN ('queued', 'running');
COMMENT ON VIEW spending IS 'What counts toward the spending limits: questions, embedded documents, and reservations of running jobs.';
GRANT SELECT ON spending TO refdesk_read, refdesk_worker, refdesk_app;

CREATE OR REPLACE VIEW inspect.spending WITH (security_invoker) AS
SELECT w.key AS workspace, s.requester, s.created_at::date AS day, sum(s.questions)::integer AS questions, sum(s.calls)::bigint AS calls,
       sum(s.tokens)::bigint AS tokens, sum(s.cost_usd) AS cost_usd, sum(s.reserved_usd) AS reserved_usd
FROM spending s JOIN workspaces w ON w.id = s.workspace_id
GROUP BY w.key, s.requester, s.created_at::date;
COMMENT ON VIEW inspect.spending IS 'Cost by day, workspace and user (questions and embedded documents), and money reserved for running jobs.';
COMMENT ON COLUMN queries.calls IS 'Number of calls to language models and to rerank and embedding endpoints.';
