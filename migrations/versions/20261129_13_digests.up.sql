CREATE TABLE digests (
    workspace_id    integer PRIMARY KEY REFERENCES workspaces,
    application_id  text NOT NULL,
    channel_id      text NOT NULL,
    user_id         text NOT NULL,
    locale          text NOT NULL,
    due_at          timestamptz NOT NULL DEFAULT now() + interval '7 days',
    claim_token     uuid,
    claimed_at      timestamptz,
    error           text
);
CREATE INDEX digests_due ON digests (application_id, due_at);
COMMENT ON TABLE digests IS 'Weekly digests that managers have turned on, and the claim of the bot process that posts one.';
COMMENT ON COLUMN digests.workspace_id IS 'Tenant.';
COMMENT ON COLUMN digests.application_id IS 'Discord application whose bot posts it.';
COMMENT ON COLUMN digests.channel_id IS 'Channel in which it is posted.';
COMMENT ON COLUMN digests.user_id IS 'Manager who turned it on; gets a private message if it cannot be posted.';
COMMENT ON COLUMN digests.locale IS 'Discord language of that manager, the language of the digest.';
COMMENT ON COLUMN digests.due_at IS 'Time of the next digest.';
COMMENT ON COLUMN digests.claim_token IS 'Fencing token of the bot process that posts it now.';
COMMENT ON COLUMN digests.claimed_at IS 'Time of the claim; a minute later another process takes over.';
COMMENT ON COLUMN digests.error IS 'Why the last one could not be posted; the manager was notified. Null: it was posted.';

GRANT SELECT, INSERT, UPDATE, DELETE ON digests TO refdesk_app;
GRANT SELECT, UPDATE ON digests TO refdesk_worker;
GRANT SELECT ON digests TO refdesk_read;
ALTER TABLE digests ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON digests TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON digests TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON digests FOR SELECT TO refdesk_read USING (true);
