-- The first schema: tenants, embedding profiles, documents in versions, the job ledger, query traces, inspection.
-- Needs PostgreSQL 15+ and pgvector 0.8.4+; `refdesk migrate` checks both before it gets here.

CREATE EXTENSION IF NOT EXISTS vector;

-- Roles are global to a server, so a migration of another database may have created them.
DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['refdesk_app', 'refdesk_worker', 'refdesk_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- created by a concurrent migration of another database
            END;
        END IF;
        -- PostgreSQL 15 has no privilege SET: every member can use SET ROLE.
        IF NOT pg_has_role(current_user, name,
                CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
            EXECUTE format('GRANT %I TO %I', name, current_user);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION current_workspace() RETURNS integer
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('refdesk.workspace', true), '')::integer;
COMMENT ON FUNCTION current_workspace() IS 'The workspace this transaction acts for; null (so: no rows) when none is set.';

-- ---------------------------------------------------------------------------------------------------------- tenants
CREATE TABLE workspaces (
    id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE CHECK (length(key) BETWEEN 1 AND 200),
    name        text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE workspaces IS 'Tenants: a Discord guild, a direct-message user, or `local` for the command line.';
COMMENT ON COLUMN workspaces.id IS 'Number of the workspace; the key of row-level security everywhere.';
COMMENT ON COLUMN workspaces.key IS 'What the front end calls it: `local`, `guild:<id>`, `user:<id>`.';
COMMENT ON COLUMN workspaces.name IS 'Name for people.';
COMMENT ON COLUMN workspaces.created_at IS 'When it was first used.';

CREATE TABLE embedding_profiles (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text NOT NULL UNIQUE,
    model           text NOT NULL,
    dimensions      integer NOT NULL CHECK (dimensions BETWEEN 1 AND 4000),
    max_tokens      integer NOT NULL CHECK (max_tokens > 0),
    query_prefix    text NOT NULL DEFAULT '',
    passage_prefix  text NOT NULL DEFAULT '',
    normalize       boolean NOT NULL DEFAULT true,
    distance        text NOT NULL DEFAULT 'cosine' CHECK (distance IN ('cosine')),
    precision       text NOT NULL DEFAULT 'half' CHECK (precision IN ('half')),
    state           text NOT NULL DEFAULT 'building' CHECK (state IN ('building', 'live', 'retired')),
    created_at      timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX embedding_profiles_one_live ON embedding_profiles (state) WHERE state = 'live';
COMMENT ON TABLE embedding_profiles IS 'How text becomes a vector. A row never changes its meaning: another model or prefix is another profile.';
COMMENT ON COLUMN embedding_profiles.id IS 'Number of the profile.';
COMMENT ON COLUMN embedding_profiles.name IS 'Name for people.';
COMMENT ON COLUMN embedding_profiles.model IS 'Model name or folder; a worker whose model differs refuses to write.';
COMMENT ON COLUMN embedding_profiles.dimensions IS 'Length of each vector; 4,000 is the most that a half-precision index takes.';
COMMENT ON COLUMN embedding_profiles.max_tokens IS 'Tokens the model reads; what lies beyond is cut by the model.';
COMMENT ON COLUMN embedding_profiles.query_prefix IS 'Text put before a question, for models trained with one (E5, BGE).';
COMMENT ON COLUMN embedding_profiles.passage_prefix IS 'Text put before a passage.';
COMMENT ON COLUMN embedding_profiles.normalize IS 'Whether vectors are scaled to length 1.';
COMMENT ON COLUMN embedding_profiles.distance IS 'Distance that recall sorts by.';
COMMENT ON COLUMN embedding_profiles.precision IS 'Storage of a number: `half` is two bytes (halfvec).';
COMMENT ON COLUMN embedding_profiles.state IS '`live` answers questions (one at a time), `building` is filled beside it, `retired` is kept for a roll-back.';
COMMENT ON COLUMN embedding_profiles.created_at IS 'When it was added.';

-- ------------------------------------------------------------------------------------------------------- job ledger
CREATE TABLE jobs (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id      integer NOT NULL REFERENCES workspaces,
    kind              text NOT NULL CHECK (kind IN ('ingest', 'ask')),
    queue             text NOT NULL CHECK (queue IN ('ingest', 'query')),
    requester         text NOT NULL DEFAULT '',
    request_key       text,
    payload           jsonb NOT NULL DEFAULT '{}',
    state             text NOT NULL DEFAULT 'queued'
                      CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'dead')),
    stage             text NOT NULL DEFAULT '',
    attempt           integer NOT NULL DEFAULT 0,
    max_attempts      integer NOT NULL DEFAULT 3,
    lease_owner       text,
    lease_token       uuid,
    lease_since       timestamptz,
    lease_expires     timestamptz,
    cancel_requested  boolean NOT NULL DEFAULT false,
    run_after         timestamptz NOT NULL DEFAULT now(),
    progress_done     integer NOT NULL DEFAULT 0,
    progress_total    integer NOT NULL DEFAULT 0,
    progress_text     text NOT NULL DEFAULT '',
    result            jsonb,
    error_class       text,
    error             text,
    deliver           jsonb,
    delivered_at      timestamptz,
    published_at      timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    requested_at      timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    finished_at       timestamptz,
    CHECK ((lease_token IS NULL) = (lease_expires IS NULL)),
    UNIQUE (workspace_id, request_key)
);
CREATE INDEX jobs_open ON jobs (queue, state, run_after) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_queued ON jobs (queue, id) WHERE state = 'queued';
CREATE INDEX jobs_published ON jobs (queue, published_at);
CREATE INDEX jobs_open_of_source ON jobs (workspace_id, (payload ->> 'source')) WHERE kind = 'ingest' AND state IN ('queued', 'running');
CREATE INDEX jobs_of_workspace ON jobs (workspace_id, created_at DESC);
COMMENT ON TABLE jobs IS 'The ledger: Postgres is the truth about every job, Redis only carries its number.';
COMMENT ON COLUMN jobs.id IS 'Number of the job; the only thing a queue message holds.';
COMMENT ON COLUMN jobs.workspace_id IS 'Tenant.';
COMMENT ON COLUMN jobs.kind IS 'What is to be done: `ingest` a document or `ask` a question.';
COMMENT ON COLUMN jobs.queue IS 'Queue that carries it; `query` and `ingest` have separate workers.';
COMMENT ON COLUMN jobs.requester IS 'Who asked: a Discord user id, or the system user of the command line.';
COMMENT ON COLUMN jobs.request_key IS 'The front end''s own number of the request; submitting it twice gives the same job.';
COMMENT ON COLUMN jobs.payload IS 'Input: the source, name and hash of a document, or the question and its options.';
COMMENT ON COLUMN jobs.state IS 'queued, running, succeeded, failed (its input is at fault), cancelled, dead (out of attempts).';
COMMENT ON COLUMN jobs.stage IS 'Where in the flow it is: fetch, parse, chunk, store, embed; recall, rerank, generate.';
COMMENT ON COLUMN jobs.attempt IS 'Attempts begun; raised before work starts, so a job that kills its worker is counted.';
COMMENT ON COLUMN jobs.max_attempts IS 'Attempts after which it is dead.';
COMMENT ON COLUMN jobs.lease_owner IS 'Worker that holds it.';
COMMENT ON COLUMN jobs.lease_token IS 'Fence: every write of the worker names it; a worker whose token is no longer here changes nothing.';
COMMENT ON COLUMN jobs.lease_since IS 'When the worker took it.';
COMMENT ON COLUMN jobs.lease_expires IS 'When the lease ends unless renewed; then the sweeper queues the job again.';
COMMENT ON COLUMN jobs.cancel_requested IS 'A person wants it to stop; the worker looks between batches and stages.';
COMMENT ON COLUMN jobs.run_after IS 'Earliest time to run: the pause before another attempt, or a rate limit.';
COMMENT ON COLUMN jobs.progress_done IS 'Units done in this stage: chunks embedded, candidates reranked.';
COMMENT ON COLUMN jobs.progress_total IS 'Units of this stage; 0 when not countable.';
COMMENT ON COLUMN jobs.progress_text IS 'Answer text so far, while it is being written.';
COMMENT ON COLUMN jobs.result IS 'What came of it, for the front ends.';
COMMENT ON COLUMN jobs.error_class IS 'Class of the last error.';
COMMENT ON COLUMN jobs.error IS 'Last error as the sentence a person reads.';
COMMENT ON COLUMN jobs.deliver IS 'Where the result goes, e.g. Discord channel and message id.';
COMMENT ON COLUMN jobs.delivered_at IS 'When the front end had delivered it.';
COMMENT ON COLUMN jobs.published_at IS 'When its number was last put on the queue; null: never, the sweeper will.';
COMMENT ON COLUMN jobs.created_at IS 'When it was submitted.';
COMMENT ON COLUMN jobs.requested_at IS 'When somebody last asked for it, by submitting or retrying; of two jobs for one document the later request wins.';
COMMENT ON COLUMN jobs.started_at IS 'When its first attempt began.';
COMMENT ON COLUMN jobs.finished_at IS 'When it reached a final state.';

CREATE TABLE job_events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id        bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    state         text NOT NULL,
    stage         text NOT NULL,
    attempt       integer NOT NULL,
    worker        text,
    note          text NOT NULL DEFAULT ''
);
CREATE INDEX job_events_of_job ON job_events (job_id, id);
COMMENT ON TABLE job_events IS 'Every change of a job, written by a trigger, so none can be forgotten.';
COMMENT ON COLUMN job_events.id IS 'Order of events.';
COMMENT ON COLUMN job_events.job_id IS 'The job.';
COMMENT ON COLUMN job_events.workspace_id IS 'Tenant.';
COMMENT ON COLUMN job_events.at IS 'When it happened.';
COMMENT ON COLUMN job_events.state IS 'State after the change.';
COMMENT ON COLUMN job_events.stage IS 'Stage after the change.';
COMMENT ON COLUMN job_events.attempt IS 'Attempt it belongs to.';
COMMENT ON COLUMN job_events.worker IS 'Worker that held the job.';
COMMENT ON COLUMN job_events.note IS 'Error, or what a person asked for.';

-- It runs with the owner's rights, so the search path must not contain schemas of the caller.
CREATE FUNCTION record_job_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
    RETURN NULL;
END $$;
COMMENT ON FUNCTION record_job_change() IS 'Writes the event row and wakes listeners whenever a job changes.';
CREATE TRIGGER jobs_record_insert AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION record_job_change();
CREATE TRIGGER jobs_record_update AFTER UPDATE ON jobs FOR EACH ROW
    WHEN ((NEW.state, NEW.stage, NEW.attempt, NEW.cancel_requested, NEW.error, NEW.progress_done, NEW.progress_text, NEW.delivered_at)
          IS DISTINCT FROM
          (OLD.state, OLD.stage, OLD.attempt, OLD.cancel_requested, OLD.error, OLD.progress_done, OLD.progress_text, OLD.delivered_at))
    EXECUTE FUNCTION record_job_change();

CREATE FUNCTION jobs_ahead(in_queue text, of_job bigint) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    RETURN (SELECT count(*) FROM (SELECT FROM public.jobs j WHERE j.queue = in_queue AND j.state = 'queued' AND j.id < of_job LIMIT 1000) AS a);
COMMENT ON FUNCTION jobs_ahead(text, bigint) IS 'How many jobs of all workspaces wait before one, counted up to 1,000; it tells a number and nothing else.';

CREATE TABLE workers (
    id            text PRIMARY KEY,
    role          text NOT NULL,
    queues        text[] NOT NULL,
    host          text NOT NULL,
    pid           integer NOT NULL,
    model         text NOT NULL DEFAULT '',
    started_at    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    last_task_at  timestamptz
);
COMMENT ON TABLE workers IS 'Worker processes and their signs of life.';
COMMENT ON COLUMN workers.id IS 'host:pid:start.';
COMMENT ON COLUMN workers.role IS 'query or ingest.';
COMMENT ON COLUMN workers.queues IS 'Queues it takes messages from.';
COMMENT ON COLUMN workers.host IS 'Machine.';
COMMENT ON COLUMN workers.pid IS 'Process on that machine.';
COMMENT ON COLUMN workers.model IS 'Embedding model it loads.';
COMMENT ON COLUMN workers.started_at IS 'When it started.';
COMMENT ON COLUMN workers.last_seen IS 'Last heartbeat; older than 30 seconds: it is gone.';
COMMENT ON COLUMN workers.last_task_at IS 'When it last took a message; a worker that lives but takes none has lost its broker.';

CREATE TABLE quarantine (
    workspace_id  integer NOT NULL REFERENCES workspaces,
    sha256        bytea NOT NULL,
    job_id        bigint NOT NULL REFERENCES jobs ON DELETE CASCADE,
    error         text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, sha256)
);
CREATE INDEX quarantine_of_job ON quarantine (job_id);
COMMENT ON TABLE quarantine IS 'Bytes that killed a worker several times; not tried again until somebody retries the job.';
COMMENT ON COLUMN quarantine.workspace_id IS 'Tenant.';
COMMENT ON COLUMN quarantine.sha256 IS 'Hash of the bytes.';
COMMENT ON COLUMN quarantine.job_id IS 'Job that died of it.';
COMMENT ON COLUMN quarantine.error IS 'Last error of that job.';
COMMENT ON COLUMN quarantine.created_at IS 'When.';

-- -------------------------------------------------------------------------------------------------------- documents
CREATE TABLE blobs (
    workspace_id  integer NOT NULL REFERENCES workspaces,
    sha256        bytea NOT NULL,
    content       bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, sha256)
);
ALTER TABLE blobs ALTER COLUMN content SET STORAGE EXTERNAL;  -- most formats are compressed already
COMMENT ON TABLE blobs IS 'Original bytes, so that everything can be rebuilt.';
COMMENT ON COLUMN blobs.workspace_id IS 'Tenant; equal bytes of two tenants are two rows.';
COMMENT ON COLUMN blobs.sha256 IS 'Hash of the bytes.';
COMMENT ON COLUMN blobs.content IS 'The bytes.';
COMMENT ON COLUMN blobs.created_at IS 'When they first came.';

CREATE TABLE documents (
    id               integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id     integer NOT NULL REFERENCES workspaces,
    source           text NOT NULL,
    title            text NOT NULL,
    media_type       text NOT NULL DEFAULT '',
    channels         text[],
    added_by         text NOT NULL DEFAULT '',
    live_version_id  integer,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, source)
);
COMMENT ON TABLE documents IS 'What people added. A document answers questions from its live version only.';
COMMENT ON COLUMN documents.id IS 'Number of the document.';
COMMENT ON COLUMN documents.workspace_id IS 'Tenant.';
COMMENT ON COLUMN documents.source IS 'Where it came from: absolute path, link, or a front end''s name for it; the same source again is a new version.';
COMMENT ON COLUMN documents.title IS 'Title for people.';
COMMENT ON COLUMN documents.media_type IS 'What the bytes turned out to be.';
COMMENT ON COLUMN documents.channels IS 'Channels that may see it; null: the whole workspace.';
COMMENT ON COLUMN documents.added_by IS 'Who added it.';
COMMENT ON COLUMN documents.live_version_id IS 'Version that answers; switching versions is changing this one value.';
COMMENT ON COLUMN documents.created_at IS 'When it was first added.';
COMMENT ON COLUMN documents.updated_at IS 'When its live version last changed.';

CREATE TABLE document_versions (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    document_id   integer NOT NULL REFERENCES documents ON DELETE CASCADE,
    job_id        bigint REFERENCES jobs ON DELETE SET NULL,
    sha256        bytea NOT NULL,
    title         text NOT NULL,
    media_type    text NOT NULL DEFAULT '',
    pages         integer,
    language      text,
    chunks        integer NOT NULL DEFAULT 0,
    terms         bigint NOT NULL DEFAULT 0,
    warnings      text[] NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX document_versions_of_document ON document_versions (document_id);
CREATE INDEX document_versions_of_job ON document_versions (job_id);
CREATE INDEX document_versions_of_bytes ON document_versions (workspace_id, sha256);
ALTER TABLE documents ADD CONSTRAINT documents_live_version_fk
    FOREIGN KEY (live_version_id) REFERENCES document_versions ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
COMMENT ON TABLE document_versions IS 'A document''s content at one time; built beside the live one, then switched in one statement.';
COMMENT ON COLUMN document_versions.id IS 'Number of the version.';
COMMENT ON COLUMN document_versions.workspace_id IS 'Tenant.';
COMMENT ON COLUMN document_versions.document_id IS 'The document.';
COMMENT ON COLUMN document_versions.job_id IS 'Job that builds or built it.';
COMMENT ON COLUMN document_versions.sha256 IS 'Hash of the original bytes, in blobs.';
COMMENT ON COLUMN document_versions.title IS 'Title found in these bytes.';
COMMENT ON COLUMN document_versions.media_type IS 'What the bytes turned out to be.';
COMMENT ON COLUMN document_versions.pages IS 'Pages, where the format has them.';
COMMENT ON COLUMN document_versions.language IS 'Language found, ISO 639.';
COMMENT ON COLUMN document_versions.chunks IS 'Chunks it has; the N of keyword statistics.';
COMMENT ON COLUMN document_versions.terms IS 'Keywords over all chunks, repeats counted; gives the mean length of keyword statistics.';
COMMENT ON COLUMN document_versions.warnings IS 'What the parser could not do.';
COMMENT ON COLUMN document_versions.created_at IS 'When it was built.';

CREATE TABLE chunks (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    document_id   integer NOT NULL REFERENCES documents ON DELETE CASCADE,
    version_id    integer NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    ordinal       integer NOT NULL,
    text          text NOT NULL,
    headings      text[] NOT NULL DEFAULT '{}',
    page          integer,
    tokens        integer NOT NULL,
    input_hash    bytea NOT NULL,
    UNIQUE (version_id, ordinal)
);
CREATE INDEX chunks_of_document ON chunks (document_id);
CREATE INDEX chunks_of_input ON chunks (workspace_id, input_hash);
COMMENT ON TABLE chunks IS 'Passages: the unit that is embedded, recalled and cited.';
COMMENT ON COLUMN chunks.id IS 'Number of the chunk.';
COMMENT ON COLUMN chunks.workspace_id IS 'Tenant.';
COMMENT ON COLUMN chunks.document_id IS 'Its document.';
COMMENT ON COLUMN chunks.version_id IS 'Its version.';
COMMENT ON COLUMN chunks.ordinal IS 'Position in the document, from 0.';
COMMENT ON COLUMN chunks.text IS 'The passage, Markdown.';
COMMENT ON COLUMN chunks.headings IS 'Headings above it, outermost first.';
COMMENT ON COLUMN chunks.page IS 'Page it starts on, from 1.';
COMMENT ON COLUMN chunks.tokens IS 'Its length in tokens of the embedding model.';
COMMENT ON COLUMN chunks.input_hash IS 'Hash of exactly what is embedded (headings and text); equal hash, equal vector.';

CREATE TABLE postings (
    workspace_id  integer NOT NULL,
    term          integer NOT NULL,
    chunk_id      integer NOT NULL,
    version_id    integer NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    frequency     smallint NOT NULL,
    length        integer NOT NULL,
    PRIMARY KEY (workspace_id, term, chunk_id) INCLUDE (version_id, frequency, length)
);
CREATE INDEX postings_of_version ON postings (version_id);
COMMENT ON TABLE postings IS 'Keyword index: which term occurs in which chunk. Statistics are counted at query time over what is live, so they cannot go stale.';
COMMENT ON COLUMN postings.workspace_id IS 'Tenant.';
COMMENT ON COLUMN postings.term IS '31-bit hash of the stemmed word, or of a Chinese, Japanese or Korean character or pair.';
COMMENT ON COLUMN postings.chunk_id IS 'The chunk.';
COMMENT ON COLUMN postings.version_id IS 'Its version, to tell what is live without reading the chunk.';
COMMENT ON COLUMN postings.frequency IS 'How often the term occurs in the chunk.';
COMMENT ON COLUMN postings.length IS 'Terms of the chunk, repeats counted.';

CREATE TABLE embeddings (
    profile_id    integer NOT NULL REFERENCES embedding_profiles,
    chunk_id      integer NOT NULL REFERENCES chunks ON DELETE CASCADE,
    workspace_id  integer NOT NULL,
    version_id    integer NOT NULL,
    vector        halfvec NOT NULL,
    PRIMARY KEY (profile_id, chunk_id)
);
-- Measured: the default storage moves vectors out of the row and makes an exact scan five times slower.
ALTER TABLE embeddings ALTER COLUMN vector SET STORAGE PLAIN;
CREATE INDEX embeddings_of_workspace ON embeddings (profile_id, workspace_id, version_id);
CREATE INDEX embeddings_of_chunk ON embeddings (chunk_id);
COMMENT ON TABLE embeddings IS 'Vectors, apart from the text so that a scan reads little. Large workspaces get an HNSW index of their own.';
COMMENT ON COLUMN embeddings.profile_id IS 'Profile that made it.';
COMMENT ON COLUMN embeddings.chunk_id IS 'The chunk.';
COMMENT ON COLUMN embeddings.workspace_id IS 'Tenant.';
COMMENT ON COLUMN embeddings.version_id IS 'The chunk''s version, to tell what is live without reading the chunk.';
COMMENT ON COLUMN embeddings.vector IS 'The vector, half precision.';

CREATE TABLE embedding_queue (
    profile_id     integer NOT NULL REFERENCES embedding_profiles,
    chunk_id       integer NOT NULL REFERENCES chunks ON DELETE CASCADE,
    workspace_id   integer NOT NULL,
    version_id     integer NOT NULL REFERENCES document_versions ON DELETE CASCADE,
    claim_token    uuid,
    claim_expires  timestamptz,
    attempts       integer NOT NULL DEFAULT 0,
    queued_at      timestamptz NOT NULL DEFAULT now(),
    due_at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (profile_id, chunk_id)
);
CREATE INDEX embedding_queue_due ON embedding_queue (profile_id, due_at);
CREATE INDEX embedding_queue_of_version ON embedding_queue (version_id);
CREATE INDEX embedding_queue_of_chunk ON embedding_queue (chunk_id);
COMMENT ON TABLE embedding_queue IS 'Chunks that still need a vector; workers claim the next batch across all documents.';
COMMENT ON COLUMN embedding_queue.profile_id IS 'Profile to embed for.';
COMMENT ON COLUMN embedding_queue.chunk_id IS 'The chunk.';
COMMENT ON COLUMN embedding_queue.workspace_id IS 'Tenant.';
COMMENT ON COLUMN embedding_queue.version_id IS 'The chunk''s version.';
COMMENT ON COLUMN embedding_queue.claim_token IS 'Fence of the claim; a vector is stored only by its holder.';
COMMENT ON COLUMN embedding_queue.claim_expires IS 'When the claim ends and another worker may take the chunk.';
COMMENT ON COLUMN embedding_queue.attempts IS 'Claims so far; raised before work starts.';
COMMENT ON COLUMN embedding_queue.queued_at IS 'When it was queued.';
COMMENT ON COLUMN embedding_queue.due_at IS 'Order of work: the k-th chunk of a document is due a little later than its first, so a book does not hold up a note.';

-- ---------------------------------------------------------------------------------------------------- query traces
CREATE TABLE queries (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id       integer NOT NULL REFERENCES workspaces,
    job_id             bigint UNIQUE REFERENCES jobs ON DELETE CASCADE,
    requester          text NOT NULL DEFAULT '',
    question           text NOT NULL,
    recall             text NOT NULL,
    top_n              integer NOT NULL,
    top_k              integer NOT NULL,
    reranker_asked     text NOT NULL,
    reranker           text NOT NULL,
    profile_id         integer REFERENCES embedding_profiles,
    plan               text NOT NULL,
    rows_asked         integer NOT NULL,
    rows_returned      integer NOT NULL,
    answer             text NOT NULL,
    abstained          boolean NOT NULL,
    answer_model       text NOT NULL,
    timings_ms         jsonb NOT NULL DEFAULT '{}',
    calls              integer NOT NULL DEFAULT 0,
    prompt_tokens      integer NOT NULL DEFAULT 0,
    completion_tokens  integer NOT NULL DEFAULT 0,
    cost_usd           numeric(12, 6) NOT NULL DEFAULT 0,
    prompt_hashes      text[] NOT NULL DEFAULT '{}',
    fallbacks          jsonb NOT NULL DEFAULT '[]',
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX queries_of_workspace ON queries (workspace_id, created_at DESC);
COMMENT ON TABLE queries IS 'The trace of every answered question.';
COMMENT ON COLUMN queries.id IS 'Number of the trace.';
COMMENT ON COLUMN queries.workspace_id IS 'Tenant.';
COMMENT ON COLUMN queries.job_id IS 'The job that answered.';
COMMENT ON COLUMN queries.requester IS 'Who asked.';
COMMENT ON COLUMN queries.question IS 'The question.';
COMMENT ON COLUMN queries.recall IS 'hybrid, dense or keyword.';
COMMENT ON COLUMN queries.top_n IS 'Candidates wanted from recall.';
COMMENT ON COLUMN queries.top_k IS 'Passages the answer may rest on.';
COMMENT ON COLUMN queries.reranker_asked IS 'Reranker that was asked for.';
COMMENT ON COLUMN queries.reranker IS 'Reranker that made the order; another than asked for when it fell back.';
COMMENT ON COLUMN queries.profile_id IS 'Embedding profile used.';
COMMENT ON COLUMN queries.plan IS 'How recall ran: exact, hnsw, or hnsw followed by exact because rows were missing.';
COMMENT ON COLUMN queries.rows_asked IS 'Rows asked of recall.';
COMMENT ON COLUMN queries.rows_returned IS 'Rows recall gave.';
COMMENT ON COLUMN queries.answer IS 'The answer.';
COMMENT ON COLUMN queries.abstained IS 'No passage was good enough, so no answer was given.';
COMMENT ON COLUMN queries.answer_model IS 'Model that wrote the answer; `extractive` when none did.';
COMMENT ON COLUMN queries.timings_ms IS 'Milliseconds of each stage.';
COMMENT ON COLUMN queries.calls IS 'Calls to language models.';
COMMENT ON COLUMN queries.prompt_tokens IS 'Tokens sent.';
COMMENT ON COLUMN queries.completion_tokens IS 'Tokens received.';
COMMENT ON COLUMN queries.cost_usd IS 'Cost in US dollars by the price in the settings.';
COMMENT ON COLUMN queries.prompt_hashes IS 'Hashes of the prompt files used.';
COMMENT ON COLUMN queries.fallbacks IS 'Stages that could not do their work, what took their place, and why.';
COMMENT ON COLUMN queries.created_at IS 'When it was answered.';

CREATE TABLE query_candidates (
    query_id       bigint NOT NULL REFERENCES queries ON DELETE CASCADE,
    chunk_id       integer NOT NULL,
    workspace_id   integer NOT NULL,
    document_id    integer NOT NULL,
    title          text NOT NULL,
    page           integer,
    recall_rank    integer NOT NULL,
    recall_score   double precision NOT NULL,
    dense_rank     integer,
    dense_score    double precision,
    keyword_rank   integer,
    keyword_score  double precision,
    rank           integer NOT NULL,
    score          double precision NOT NULL,
    raw_score      double precision,
    reason         text NOT NULL DEFAULT '',
    method         text NOT NULL DEFAULT '',
    flags          text[] NOT NULL DEFAULT '{}',
    citation       integer,
    quote          text,
    PRIMARY KEY (query_id, chunk_id),
    UNIQUE (query_id, rank)
);
COMMENT ON TABLE query_candidates IS 'What recall brought and where the reranker put it. Rows outlive the chunk they name.';
COMMENT ON COLUMN query_candidates.query_id IS 'The trace.';
COMMENT ON COLUMN query_candidates.chunk_id IS 'The chunk; it may be gone by now.';
COMMENT ON COLUMN query_candidates.workspace_id IS 'Tenant.';
COMMENT ON COLUMN query_candidates.document_id IS 'Its document; it may be gone by now.';
COMMENT ON COLUMN query_candidates.title IS 'The document''s title then.';
COMMENT ON COLUMN query_candidates.page IS 'Page of the chunk.';
COMMENT ON COLUMN query_candidates.recall_rank IS 'Rank in recall, from 1.';
COMMENT ON COLUMN query_candidates.recall_score IS 'Score of recall: fused, cosine or BM25 by the kind of recall.';
COMMENT ON COLUMN query_candidates.dense_rank IS 'Rank in the vector leg; null when it did not find it.';
COMMENT ON COLUMN query_candidates.dense_score IS 'Cosine similarity.';
COMMENT ON COLUMN query_candidates.keyword_rank IS 'Rank in the keyword leg; null when it did not find it.';
COMMENT ON COLUMN query_candidates.keyword_score IS 'BM25.';
COMMENT ON COLUMN query_candidates.rank IS 'Rank after reranking, from 1.';
COMMENT ON COLUMN query_candidates.score IS 'Score after reranking, 0 to 1.';
COMMENT ON COLUMN query_candidates.raw_score IS 'What the method itself gave.';
COMMENT ON COLUMN query_candidates.reason IS 'The method''s reason, where it gives one.';
COMMENT ON COLUMN query_candidates.method IS 'Method that scored it.';
COMMENT ON COLUMN query_candidates.flags IS 'For instance `unscored`.';
COMMENT ON COLUMN query_candidates.citation IS 'Its [n] in the answer; null when not cited.';
COMMENT ON COLUMN query_candidates.quote IS 'The words the answer rests on.';

-- ------------------------------------------------------------------------------------- grants and row-level security
GRANT USAGE ON SCHEMA public TO refdesk_app, refdesk_worker, refdesk_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO refdesk_app, refdesk_worker;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO refdesk_app, refdesk_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO refdesk_read;
REVOKE SELECT ON blobs FROM refdesk_read;
REVOKE INSERT, UPDATE, DELETE ON embedding_profiles, workers, job_events FROM refdesk_app;
REVOKE UPDATE, DELETE ON workspaces FROM refdesk_app;
REVOKE INSERT, UPDATE, DELETE ON queries, query_candidates FROM refdesk_worker;
REVOKE INSERT, UPDATE ON blobs FROM refdesk_worker;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['jobs', 'job_events', 'quarantine', 'blobs', 'documents', 'document_versions', 'chunks',
                                'postings', 'embeddings', 'embedding_queue', 'queries', 'query_candidates'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        -- The application sees one workspace: the one its transaction names.
        EXECUTE format('CREATE POLICY one_workspace ON %I TO refdesk_app
                        USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace())', name);
        -- The ledger and the embedding queue work across all workspaces; they answer no questions.
        EXECUTE format('CREATE POLICY all_workspaces ON %I TO refdesk_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY look ON %I FOR SELECT TO refdesk_read USING (true)', name);
    END LOOP;
END $$;

-- Tenants must not see each other.
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON workspaces TO refdesk_app USING (id = current_workspace());
CREATE POLICY all_workspaces ON workspaces TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON workspaces FOR SELECT TO refdesk_read USING (true);

-- ------------------------------------------------------------------------------------------- inspection, for operators
CREATE SCHEMA inspect;
COMMENT ON SCHEMA inspect IS 'Views for people; read them as the role refdesk_read, e.g. with `refdesk sql`.';

CREATE VIEW inspect.documents WITH (security_invoker) AS
SELECT d.id, w.key AS workspace, d.title, d.source, d.media_type, v.chunks,
       (SELECT count(*) FROM embeddings e JOIN embedding_profiles p ON p.id = e.profile_id AND p.state = 'live'
        WHERE e.version_id = v.id AND e.workspace_id = d.workspace_id) AS vectors,
       v.pages, v.language, d.channels, d.added_by, encode(v.sha256, 'hex') AS sha256, d.live_version_id AS version,
       (SELECT count(*) FROM document_versions o WHERE o.document_id = d.id AND o.id IS DISTINCT FROM d.live_version_id) AS other_versions,
       d.created_at, d.updated_at
FROM documents d JOIN workspaces w ON w.id = d.workspace_id LEFT JOIN document_versions v ON v.id = d.live_version_id;

CREATE VIEW inspect.chunks WITH (security_invoker) AS
SELECT c.id, w.key AS workspace, d.id AS document, d.title, c.ordinal, c.page, array_to_string(c.headings, ' > ') AS headings,
       c.tokens, (c.version_id = d.live_version_id) AS live,
       EXISTS (SELECT FROM embeddings e WHERE e.chunk_id = c.id) AS embedded, c.text
FROM chunks c JOIN documents d ON d.id = c.document_id JOIN workspaces w ON w.id = c.workspace_id;

CREATE VIEW inspect.jobs WITH (security_invoker) AS
SELECT j.id, w.key AS workspace, j.kind, j.state, j.stage, j.attempt, j.requester,
       coalesce(j.payload ->> 'name', j.payload ->> 'question') AS about,
       j.progress_done, j.progress_total, j.error_class, j.error,
       CASE
           WHEN j.state = 'queued' AND j.run_after > now() AND j.error IS NOT NULL THEN
               format('will be tried again at %s after %s: %s', to_char(j.run_after, 'HH24:MI:SS'), j.error_class, j.error)
           WHEN j.state = 'queued' AND j.run_after > now() THEN
               format('rate limited until %s', to_char(j.run_after, 'HH24:MI:SS'))
           WHEN j.state = 'queued' AND NOT EXISTS (
               SELECT FROM workers k WHERE j.queue = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds') THEN
               format('no worker for the queue "%s"%s; start one with `refdesk up` or `refdesk worker %s`', j.queue,
                      coalesce((SELECT ' since ' || to_char(max(k.last_seen), 'YYYY-MM-DD HH24:MI:SS')
                                FROM workers k WHERE j.queue = ANY (k.queues)), ''), j.queue)
           WHEN j.state = 'queued' AND j.published_at IS NULL THEN 'not on the queue yet (is Redis away?); the next sweep puts it there'
           WHEN j.state = 'queued' THEN
               format('waiting in the queue "%s" behind %s jobs', j.queue,
                      jobs_ahead(j.queue, j.id))
           WHEN j.state = 'running' AND j.cancel_requested THEN format('asked to stop; %s ends it at the next stage', coalesce(j.lease_owner, 'the embedder'))
           WHEN j.state = 'running' AND j.lease_expires < now() THEN
               format('worker %s fell silent at %s; the next sweep queues it again', j.lease_owner, to_char(j.lease_expires, 'HH24:MI:SS'))
           WHEN j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL THEN
               format('waiting for vectors, %s of %s chunks done%s', j.progress_done, j.progress_total,
                      CASE WHEN EXISTS (SELECT FROM workers k WHERE 'ingest' = ANY (k.queues) AND k.last_seen > now() - interval '30 seconds')
                           THEN '' ELSE '; no worker for the queue "ingest", start one with `refdesk worker ingest`' END)
           WHEN j.state = 'running' THEN
               format('held by %s since %s, stage %s%s', j.lease_owner, to_char(j.lease_since, 'HH24:MI:SS'), j.stage,
                      CASE WHEN j.progress_total > 0 THEN format(', %s of %s', j.progress_done, j.progress_total) ELSE '' END)
           WHEN j.state = 'failed' THEN format('failed with %s: %s', j.error_class, j.error)
           WHEN j.state = 'dead' THEN format('dead after %s attempts with %s: %s; `refdesk jobs retry %s` tries again', j.attempt, j.error_class, j.error, j.id)
           WHEN j.state = 'cancelled' THEN format('cancelled at %s', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
           ELSE format('done at %s', to_char(j.finished_at, 'YYYY-MM-DD HH24:MI:SS'))
       END AS why,
       j.lease_owner, j.lease_expires, j.run_after, j.created_at, j.started_at, j.finished_at, j.delivered_at,
       round((extract(epoch FROM coalesce(j.finished_at, now()) - j.created_at) * 1000)::numeric) AS age_ms
FROM jobs j JOIN workspaces w ON w.id = j.workspace_id;

CREATE VIEW inspect.events WITH (security_invoker) AS
SELECT e.job_id AS job, w.key AS workspace, e.at, e.state, e.stage, e.attempt, e.worker, e.note
FROM job_events e JOIN workspaces w ON w.id = e.workspace_id;

CREATE VIEW inspect.queries WITH (security_invoker) AS
SELECT q.id, w.key AS workspace, q.job_id AS job, q.question, q.answer, q.abstained, q.recall, q.plan, q.rows_asked, q.rows_returned,
       q.reranker_asked, q.reranker, q.answer_model, p.name AS profile, (q.timings_ms ->> 'total')::float AS total_ms, q.timings_ms,
       q.calls, q.prompt_tokens, q.completion_tokens, q.cost_usd, q.fallbacks, q.prompt_hashes, q.requester, q.created_at
FROM queries q JOIN workspaces w ON w.id = q.workspace_id LEFT JOIN embedding_profiles p ON p.id = q.profile_id;

CREATE VIEW inspect.rankings WITH (security_invoker) AS
SELECT k.query_id AS query, w.key AS workspace, k.rank, k.recall_rank, k.recall_rank - k.rank AS moved_up, round(k.score::numeric, 4) AS score,
       k.raw_score, k.dense_rank, round(k.dense_score::numeric, 4) AS dense_score, k.keyword_rank,
       round(k.keyword_score::numeric, 4) AS keyword_score, k.citation, k.title, k.page, k.method, k.reason, k.flags, k.chunk_id AS chunk,
       k.document_id AS document, c.text
FROM query_candidates k JOIN workspaces w ON w.id = k.workspace_id LEFT JOIN chunks c ON c.id = k.chunk_id;

CREATE VIEW inspect.workers WITH (security_invoker) AS
SELECT k.id, k.role, k.queues, k.model, k.last_seen > now() - interval '30 seconds' AS alive, k.started_at, k.last_seen, k.last_task_at
FROM workers k;

CREATE VIEW inspect.profiles WITH (security_invoker) AS
SELECT p.id, p.name, p.model, p.dimensions, p.state, p.query_prefix, p.passage_prefix, p.max_tokens,
       (SELECT count(*) FROM embeddings e WHERE e.profile_id = p.id) AS vectors,
       (SELECT count(*) FROM embedding_queue q WHERE q.profile_id = p.id) AS waiting
FROM embedding_profiles p;

COMMENT ON VIEW inspect.documents IS 'Documents with their live version.';
COMMENT ON VIEW inspect.chunks IS 'Passages with document, place and whether they are embedded.';
COMMENT ON VIEW inspect.jobs IS 'Jobs, each with a sentence that says why it is where it is.';
COMMENT ON VIEW inspect.events IS 'What happened to each job, in order.';
COMMENT ON VIEW inspect.queries IS 'Answered questions with stages, costs and fallbacks.';
COMMENT ON VIEW inspect.rankings IS 'Candidates of each question before and after reranking.';
COMMENT ON VIEW inspect.workers IS 'Worker processes and whether they live.';
COMMENT ON VIEW inspect.profiles IS 'Embedding profiles and how far each is filled.';

-- The views run with the rights of the reader, so the application sees only its workspace here too.
GRANT USAGE ON SCHEMA inspect TO refdesk_read, refdesk_worker, refdesk_app;
GRANT SELECT ON ALL TABLES IN SCHEMA inspect TO refdesk_read, refdesk_worker, refdesk_app;
