-- Tables of the Discord bot: deliveries (the outbox), feedback, workspace settings, hashes of registered commands.
-- Documents store the link to the original, and traces the rewritten form of a follow-up question.

-- ------------------------------------------------------------------------------------------------------- deliveries
CREATE TABLE deliveries (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id    integer NOT NULL REFERENCES workspaces,
    request_key     text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('answer', 'ingest')),
    application_id  text NOT NULL,
    guild_id        text,
    channel_id      text NOT NULL,
    message_id      text,
    reply_to_id     text,
    user_id         text NOT NULL,
    locale          text NOT NULL DEFAULT 'en-US',
    private         boolean NOT NULL DEFAULT false,
    route           text NOT NULL DEFAULT 'channel' CHECK (route IN ('channel', 'token')),
    token           text,
    token_expires   timestamptz,
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'undeliverable')),
    generation      integer NOT NULL DEFAULT 1,
    parts_sent      integer NOT NULL DEFAULT 0,
    claim_owner     text,
    claim_token     uuid,
    claim_expires   timestamptz,
    attempts        integer NOT NULL DEFAULT 0,
    due_at          timestamptz NOT NULL DEFAULT now(),
    error           text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    UNIQUE (workspace_id, request_key),
    CHECK ((claim_token IS NULL) = (claim_expires IS NULL)),
    CHECK ((claim_token IS NULL) = (claim_owner IS NULL)),
    CHECK (state = 'open' OR claim_token IS NULL),
    CHECK (state = 'open' OR token IS NULL),
    CHECK (token IS NULL OR token_expires IS NOT NULL)
);
CREATE INDEX deliveries_open ON deliveries (application_id, due_at) WHERE state = 'open';
CREATE INDEX deliveries_claimed ON deliveries (claim_owner) WHERE claim_owner IS NOT NULL;
CREATE INDEX deliveries_with_token ON deliveries (token_expires) WHERE token IS NOT NULL;
CREATE INDEX deliveries_in_channel ON deliveries (workspace_id, channel_id) WHERE kind = 'answer' AND NOT private;
CREATE INDEX deliveries_of_message ON deliveries (workspace_id, message_id) WHERE kind = 'answer' AND NOT private;
COMMENT ON TABLE deliveries IS 'The outbox of the Discord bot: each row is one message that shows one question or one card of documents until all its jobs have ended.';
COMMENT ON COLUMN deliveries.id IS 'Number of the delivery; part of the nonce of every message it posts.';
COMMENT ON COLUMN deliveries.workspace_id IS 'Tenant.';
COMMENT ON COLUMN deliveries.request_key IS 'The interaction or message that asked; the same one again gives the same delivery.';
COMMENT ON COLUMN deliveries.kind IS '`answer` shows one question, `ingest` a card of documents.';
COMMENT ON COLUMN deliveries.application_id IS 'Discord application whose bot delivers it.';
COMMENT ON COLUMN deliveries.guild_id IS 'Discord server; null in direct messages.';
COMMENT ON COLUMN deliveries.channel_id IS 'Channel or thread where the message is.';
COMMENT ON COLUMN deliveries.message_id IS 'The message that is edited; null until it is posted.';
COMMENT ON COLUMN deliveries.reply_to_id IS 'Message that the first one replies to.';
COMMENT ON COLUMN deliveries.user_id IS 'Who asked.';
COMMENT ON COLUMN deliveries.locale IS 'Language of that person''s Discord.';
COMMENT ON COLUMN deliveries.private IS 'Only the person who asked may see it: it never goes to a channel.';
COMMENT ON COLUMN deliveries.route IS '`channel`: edited with the bot''s token. `token`: only the interaction''s token reaches the message.';
COMMENT ON COLUMN deliveries.token IS 'Interaction token, a secret of fifteen minutes; gone once delivered or expired, never shown.';
COMMENT ON COLUMN deliveries.token_expires IS 'When the interaction token ends.';
COMMENT ON COLUMN deliveries.state IS '`open` while something is still to be shown, `delivered`, or `undeliverable`.';
COMMENT ON COLUMN deliveries.generation IS 'How often its jobs were begun; a retry shows its result anew, so its nonces differ.';
COMMENT ON COLUMN deliveries.parts_sent IS 'Further messages already posted, so that a bot that takes over posts none twice.';
COMMENT ON COLUMN deliveries.claim_owner IS 'Bot process that shows it now.';
COMMENT ON COLUMN deliveries.claim_token IS 'Fence: every write of that process names it; a process whose token is no longer here changes nothing.';
COMMENT ON COLUMN deliveries.claim_expires IS 'When another bot process may take it over.';
COMMENT ON COLUMN deliveries.attempts IS 'Failed tries since the last thing that was sent; the pause grows with them.';
COMMENT ON COLUMN deliveries.due_at IS 'Earliest time of the next try.';
COMMENT ON COLUMN deliveries.error IS 'What the last try failed with.';
COMMENT ON COLUMN deliveries.created_at IS 'When it was asked for.';
COMMENT ON COLUMN deliveries.delivered_at IS 'When everything was shown.';

ALTER TABLE jobs ADD COLUMN delivery_id bigint REFERENCES deliveries ON DELETE SET NULL;
CREATE INDEX jobs_of_delivery ON jobs (delivery_id) WHERE delivery_id IS NOT NULL;
CREATE INDEX jobs_toward_quota ON jobs (workspace_id, kind, requested_at);
COMMENT ON COLUMN jobs.delivery_id IS 'Message that shows this job; null when a command line waits for it.';
-- It remains for one release, so that the previous version runs on this schema during an upgrade.
COMMENT ON COLUMN jobs.deliver IS 'Not used any more: deliveries took its place. It goes with the next release.';

-- A second channel names the delivery, so that bots receive only its ID. Postgres merges equal notifications of one transaction.
CREATE OR REPLACE FUNCTION record_job_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' OR (NEW.state, NEW.stage, NEW.attempt, NEW.cancel_requested, NEW.error)
                           IS DISTINCT FROM (OLD.state, OLD.stage, OLD.attempt, OLD.cancel_requested, OLD.error) THEN
        INSERT INTO public.job_events (job_id, workspace_id, state, stage, attempt, worker, note)
        VALUES (NEW.id, NEW.workspace_id, NEW.state, NEW.stage, NEW.attempt, NEW.lease_owner,
                CASE WHEN NEW.error IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.error IS DISTINCT FROM OLD.error)
                         THEN NEW.error_class || ': ' || NEW.error
                     WHEN NEW.cancel_requested AND (TG_OP = 'INSERT' OR NOT OLD.cancel_requested) THEN 'cancel requested'
                     ELSE '' END);
    END IF;
    PERFORM pg_notify('refdesk_jobs', json_build_object('id', NEW.id, 'state', NEW.state, 'stage', NEW.stage)::text);
    IF NEW.delivery_id IS NOT NULL THEN
        PERFORM pg_notify('refdesk_deliveries', NEW.delivery_id::text);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION announce_delivery() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('refdesk_deliveries', NEW.id::text);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION announce_delivery() IS 'Wakes the bots when a delivery is free to take: new, released or opened again.';
CREATE TRIGGER deliveries_announce_insert AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION announce_delivery();
CREATE TRIGGER deliveries_announce_update AFTER UPDATE ON deliveries FOR EACH ROW
    WHEN (NEW.state = 'open' AND NEW.claim_token IS NULL AND NEW.due_at <= now()
          AND (OLD.claim_token IS NOT NULL OR OLD.state <> 'open' OR OLD.generation <> NEW.generation))
    EXECUTE FUNCTION announce_delivery();

-- --------------------------------------------------------------------------------------------------------- feedback
CREATE TABLE feedback (
    workspace_id  integer NOT NULL REFERENCES workspaces,
    job_id        bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    user_id       text NOT NULL,
    vote          smallint NOT NULL CHECK (vote IN (-1, 1)),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, user_id)
);
CREATE INDEX feedback_of_workspace ON feedback (workspace_id, updated_at DESC);
COMMENT ON TABLE feedback IS 'What people thought of an answer: one vote of each person, which may change.';
COMMENT ON COLUMN feedback.workspace_id IS 'Tenant.';
COMMENT ON COLUMN feedback.job_id IS 'The question.';
COMMENT ON COLUMN feedback.user_id IS 'Who voted.';
COMMENT ON COLUMN feedback.vote IS '1: it helped, -1: it did not.';
COMMENT ON COLUMN feedback.created_at IS 'When the person first voted.';
COMMENT ON COLUMN feedback.updated_at IS 'When the vote last changed.';

-- --------------------------------------------------------------------------------------------- settings of a workspace
CREATE TABLE workspace_settings (
    workspace_id             integer PRIMARY KEY REFERENCES workspaces,
    reranker                 text,
    top_n                    integer CHECK (top_n BETWEEN 1 AND 200),
    top_k                    integer CHECK (top_k BETWEEN 1 AND 20),
    answer_language          text CHECK (answer_language IN ('', 'en', 'zh')),
    ingest_by                text CHECK (ingest_by IN ('everyone', 'managers', 'role')),
    ingest_role              text,
    public_channels          text[],
    questions_per_user_hour  integer CHECK (questions_per_user_hour >= 0),
    questions_per_day        integer CHECK (questions_per_day >= 0),
    documents_per_user_day   integer CHECK (documents_per_user_day >= 0),
    documents_per_day        integer CHECK (documents_per_day >= 0),
    updated_by               text NOT NULL DEFAULT '',
    updated_at               timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE workspace_settings IS 'What the managers of a workspace have set; null everywhere: the operator''s default.';
COMMENT ON COLUMN workspace_settings.workspace_id IS 'Tenant.';
COMMENT ON COLUMN workspace_settings.reranker IS 'Reranker when a question names none.';
COMMENT ON COLUMN workspace_settings.top_n IS 'Candidates recalled.';
COMMENT ON COLUMN workspace_settings.top_k IS 'Passages an answer is written from.';
COMMENT ON COLUMN workspace_settings.answer_language IS 'Language of answers; empty: that of the question.';
COMMENT ON COLUMN workspace_settings.ingest_by IS 'Who may add documents: everyone, managers, or who has the role below.';
COMMENT ON COLUMN workspace_settings.ingest_role IS 'Discord role that may add documents.';
COMMENT ON COLUMN workspace_settings.public_channels IS 'Channels in which answers are public; elsewhere they are private. Null or empty: all.';
COMMENT ON COLUMN workspace_settings.questions_per_user_hour IS 'Questions one person may ask in an hour; 0: no limit.';
COMMENT ON COLUMN workspace_settings.questions_per_day IS 'Questions the workspace may ask in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_user_day IS 'Documents one person may add in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.documents_per_day IS 'Documents the workspace may add in a day; 0: no limit.';
COMMENT ON COLUMN workspace_settings.updated_by IS 'Who changed them last.';
COMMENT ON COLUMN workspace_settings.updated_at IS 'When they last changed.';

CREATE TABLE discord_commands (
    application_id  text PRIMARY KEY,
    hash            text NOT NULL,
    synced_at       timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE discord_commands IS 'Which commands each Discord application has registered, so that they are sent again only when they changed.';
COMMENT ON COLUMN discord_commands.application_id IS 'Discord application.';
COMMENT ON COLUMN discord_commands.hash IS 'Hash of the registered commands.';
COMMENT ON COLUMN discord_commands.synced_at IS 'When they were registered.';

-- ------------------------------------------------------------------------------------------ what older tables gain
ALTER TABLE documents ADD COLUMN origin text CHECK (origin ~* '^https?://');
COMMENT ON COLUMN documents.origin IS 'Link under which people find the original: the message it was posted in, or the page itself.';
ALTER TABLE queries ADD COLUMN searched_as text NOT NULL DEFAULT '';
COMMENT ON COLUMN queries.searched_as IS 'What a follow-up question was searched as, with the conversation taken into account; empty: as it was asked.';

COMMENT ON COLUMN jobs.stage IS 'Where in the flow it is: fetch, parse, chunk, store, embed; rewrite, recall, rerank, generate.';

-- ------------------------------------------------------------------------------------- who may see and change what
GRANT SELECT, INSERT, UPDATE ON deliveries TO refdesk_app;
GRANT SELECT, UPDATE ON deliveries TO refdesk_worker;
-- Every column but the token: who inspects has no use for a secret.
GRANT SELECT (id, workspace_id, request_key, kind, application_id, guild_id, channel_id, message_id, reply_to_id, user_id, locale,
              private, route, token_expires, state, generation, parts_sent, claim_owner, claim_token, claim_expires, attempts,
              due_at, error, created_at, delivered_at) ON deliveries TO refdesk_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON feedback, workspace_settings TO refdesk_app;
GRANT SELECT ON feedback, workspace_settings TO refdesk_worker, refdesk_read;
GRANT SELECT, INSERT, UPDATE ON discord_commands TO refdesk_worker;
GRANT SELECT ON discord_commands TO refdesk_read;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['deliveries', 'feedback', 'workspace_settings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY one_workspace ON %I TO refdesk_app
                        USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace())', name);
        EXECUTE format('CREATE POLICY all_workspaces ON %I TO refdesk_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY look ON %I FOR SELECT TO refdesk_read USING (true)', name);
    END LOOP;
END $$;

-- ------------------------------------------------------------------------------------------- inspection, for operators
CREATE OR REPLACE VIEW inspect.documents WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.title, d.source, d.media_type, v.chunks,
       (SELECT count(*) FROM embeddings e JOIN embedding_profiles p ON p.id = e.profile_id AND p.state = 'live'
        WHERE e.version_id = v.id AND e.workspace_id = d.workspace_id) AS vectors,
       v.pages, v.language, d.channels, d.added_by, encode(v.sha256, 'hex') AS sha256, d.live_version_id AS version,
       (SELECT count(*) FROM document_versions o WHERE o.document_id = d.id AND o.id IS DISTINCT FROM d.live_version_id) AS other_versions,
       d.created_at, d.updated_at, d.origin
FROM documents d JOIN workspaces w ON w.id = d.workspace_id LEFT JOIN document_versions v ON v.id = d.live_version_id;

CREATE OR REPLACE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at, q.searched_as
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;

CREATE VIEW inspect.deliveries WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.kind, d.state, d.route, d.private,
       (SELECT array_agg(j.id ORDER BY j.id) FROM jobs j WHERE j.delivery_id = d.id) AS jobs,
       CASE
           WHEN d.state = 'delivered' THEN format('delivered at %s', to_char(d.delivered_at, 'YYYY-MM-DD HH24:MI:SS'))
           WHEN d.state = 'undeliverable' THEN format('given up: %s', d.error)
           WHEN d.due_at > now() THEN format('will be tried again at %s after: %s', to_char(d.due_at, 'HH24:MI:SS'), coalesce(d.error, 'no reason given'))
           WHEN d.claim_token IS NULL THEN 'no bot has taken it; is one running?'
           WHEN d.claim_expires < now() THEN format('the bot %s fell silent at %s; another may take it', d.claim_owner, to_char(d.claim_expires, 'HH24:MI:SS'))
           WHEN EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id AND j.state IN ('queued', 'running')) THEN format('shown by %s, waiting for its jobs', d.claim_owner)
           ELSE format('being delivered by %s', d.claim_owner)
       END AS why,
       d.generation, d.parts_sent, d.attempts, d.error, d.application_id, d.guild_id, d.channel_id, d.message_id, d.reply_to_id, d.user_id,
       d.locale, d.request_key, d.token_expires, d.claim_owner, d.claim_expires, d.due_at, d.created_at, d.delivered_at
FROM deliveries d JOIN workspaces w ON w.id = d.workspace_id;
COMMENT ON VIEW inspect.deliveries IS 'Messages of the Discord bot, each with a sentence that says how far it is.';

CREATE VIEW inspect.feedback WITH (security_invoker) AS
SELECT f.job_id AS job, w.key AS workspace, f.user_id, f.vote, coalesce(q.question, j.payload ->> 'question') AS question, q.answer, q.abstained,
       q.reranker, q.answer_model, f.created_at, f.updated_at
FROM feedback f JOIN workspaces w ON w.id = f.workspace_id JOIN jobs j ON j.id = f.job_id LEFT JOIN queries q ON q.job_id = f.job_id;
COMMENT ON VIEW inspect.feedback IS 'Votes with the question and the answer they are about.';

GRANT SELECT ON inspect.deliveries, inspect.feedback TO refdesk_read, refdesk_worker, refdesk_app;
