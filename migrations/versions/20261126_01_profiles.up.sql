-- Parallel embedding profiles: the source of their vectors, their state, and which workers have loaded them.
ALTER TABLE embedding_profiles
    ADD COLUMN backend text NOT NULL DEFAULT 'sentence-transformers' CHECK (backend IN ('sentence-transformers', 'openai', 'hidden-states')),
    ADD COLUMN pooling text NOT NULL DEFAULT '' CHECK (pooling IN ('', 'mean', 'last')),
    ADD COLUMN base_url text NOT NULL DEFAULT '',
    ADD COLUMN problem text NOT NULL DEFAULT '',
    ADD COLUMN retired_at timestamptz,
    DROP CONSTRAINT embedding_profiles_state_check,
    ADD CONSTRAINT embedding_profiles_state_check CHECK (state IN ('added', 'building', 'live', 'retired', 'dropped'));
COMMENT ON COLUMN embedding_profiles.backend IS 'What makes its vectors: a sentence-transformers model, an OpenAI-compatible endpoint, or the hidden states of a language model.';
COMMENT ON COLUMN embedding_profiles.pooling IS 'How hidden states become one vector: their mean, or that of the last token; empty where the model decides.';
COMMENT ON COLUMN embedding_profiles.base_url IS 'Address of the endpoint; empty for a model that runs here.';
COMMENT ON COLUMN embedding_profiles.problem IS 'Why a worker could not embed for it last; empty when it could.';
COMMENT ON COLUMN embedding_profiles.retired_at IS 'When another profile took its place.';
COMMENT ON COLUMN embedding_profiles.state IS '`added` is described only, `building` is filled beside the live one, `live` answers questions (one at a time), `retired` is kept and filled for a roll-back, `dropped` has no vectors and stays for the traces.';
ALTER TABLE workers ADD COLUMN profiles integer[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN workers.profiles IS 'Embedding profiles whose model it has in memory; those of workers that answer questions are kept up to date.';

CREATE OR REPLACE VIEW inspect.profiles WITH (security_invoker) AS
SELECT p.id, p.name, p.model, p.dimensions, p.state, p.query_prefix, p.passage_prefix, p.max_tokens,
       (SELECT count(*) FROM embeddings e WHERE e.profile_id = p.id) AS vectors,
       (SELECT count(*) FROM embedding_queue q WHERE q.profile_id = p.id) AS waiting,
       p.backend, p.pooling, p.base_url, p.problem, p.created_at, p.retired_at
FROM embedding_profiles p;

CREATE OR REPLACE VIEW inspect.workers WITH (security_invoker) AS
SELECT k.id, k.role, k.queues, k.model, k.last_seen > now() - interval '30 seconds' AS alive, k.started_at, k.last_seen, k.last_task_at,
       k.profiles
FROM workers k;
