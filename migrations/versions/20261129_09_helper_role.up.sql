ALTER TABLE workspace_settings ADD COLUMN helper_role text;
COMMENT ON COLUMN workspace_settings.helper_role IS 'Discord role that members can ask if the library has no answer. Null: no helpers.';

CREATE TABLE helper_requests (
    workspace_id  integer NOT NULL REFERENCES workspaces,
    job_id        bigint PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,
    user_id       text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX helper_requests_of_user ON helper_requests (workspace_id, user_id, created_at);
COMMENT ON TABLE helper_requests IS 'Questions about which the helpers of a server were asked, each once.';
COMMENT ON COLUMN helper_requests.workspace_id IS 'Tenant.';
COMMENT ON COLUMN helper_requests.job_id IS 'The question.';
COMMENT ON COLUMN helper_requests.user_id IS 'Who asked the helpers.';
COMMENT ON COLUMN helper_requests.created_at IS 'When the helpers were asked.';

GRANT SELECT, INSERT, DELETE ON helper_requests TO refdesk_app;
GRANT SELECT ON helper_requests TO refdesk_worker, refdesk_read;

ALTER TABLE helper_requests ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON helper_requests TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON helper_requests TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON helper_requests FOR SELECT TO refdesk_read USING (true);
