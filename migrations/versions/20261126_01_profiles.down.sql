-- Maps parallel profiles to the states of the schema before.
DROP VIEW inspect.profiles;
DROP VIEW inspect.workers;
DELETE FROM embedding_profiles p WHERE p.state = 'added'
    AND NOT EXISTS (SELECT FROM embedding_queue q WHERE q.profile_id = p.id)
    AND NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = p.id)
    AND NOT EXISTS (SELECT FROM queries q WHERE q.profile_id = p.id);
UPDATE embedding_profiles SET state = 'building' WHERE state = 'added';
UPDATE embedding_profiles SET state = 'retired' WHERE state = 'dropped';
ALTER TABLE embedding_profiles
    DROP COLUMN backend,
    DROP COLUMN pooling,
    DROP COLUMN base_url,
    DROP COLUMN problem,
    DROP COLUMN retired_at,
    DROP CONSTRAINT embedding_profiles_state_check,
    ADD CONSTRAINT embedding_profiles_state_check CHECK (state IN ('building', 'live', 'retired'));
COMMENT ON COLUMN embedding_profiles.state IS '`live` answers questions (one at a time), `building` is filled beside it, `retired` is kept for a roll-back.';
ALTER TABLE workers DROP COLUMN profiles;

CREATE VIEW inspect.workers WITH (security_invoker) AS
SELECT k.id, k.role, k.queues, k.model, k.last_seen > now() - interval '30 seconds' AS alive, k.started_at, k.last_seen, k.last_task_at
FROM workers k;

CREATE VIEW inspect.profiles WITH (security_invoker) AS
SELECT p.id, p.name, p.model, p.dimensions, p.state, p.query_prefix, p.passage_prefix, p.max_tokens,
       (SELECT count(*) FROM embeddings e WHERE e.profile_id = p.id) AS vectors,
       (SELECT count(*) FROM embedding_queue q WHERE q.profile_id = p.id) AS waiting
FROM embedding_profiles p;
COMMENT ON VIEW inspect.workers IS 'Worker processes and whether they live.';
COMMENT ON VIEW inspect.profiles IS 'Embedding profiles and how far each is filled.';
GRANT SELECT ON inspect.workers, inspect.profiles TO refdesk_read, refdesk_worker, refdesk_app;
