-- Embedding profiles: built beside the live one, switched in one statement, kept for a roll-back, dropped.

-- name: lock_profiles_shared
-- Whatever makes a version live, or queues its chunks, waits here while a switch is under way; many may hold it at once.
SELECT pg_advisory_xact_lock_shared(72450006);

-- name: lock_profiles_exclusive
-- Whoever changes which profile is live waits here for all of them.
SELECT pg_advisory_xact_lock(72450006);

-- name: list_profiles
-- Every profile, the live one first, with how many vectors it has and how many chunks wait for theirs. `stuck`: chunks that
-- were tried as often as allowed.
SELECT p.*,
       (SELECT count(*) FROM embeddings e WHERE e.profile_id = p.id) AS vectors,
       (SELECT count(*) FROM embedding_queue q WHERE q.profile_id = p.id) AS waiting,
       (SELECT count(*) FROM embedding_queue q
        WHERE q.profile_id = p.id AND q.attempts >= :max_attempts AND (q.claim_expires IS NULL OR q.claim_expires < now())) AS stuck
FROM embedding_profiles p
ORDER BY array_position(ARRAY['live', 'building', 'retired', 'added', 'dropped'], p.state), p.id;

-- name: list_filled_profiles
-- The profiles that are kept filled, in the order in which they are served.
SELECT p.* FROM embedding_profiles p
WHERE p.state IN ('live', 'building', 'retired')
ORDER BY array_position(ARRAY['live', 'building', 'retired'], p.state), p.id;

-- name: lock_profile_by_name
-- Lock the profile of a name, so that two programs do not add it at once.
SELECT * FROM embedding_profiles WHERE name = :name FOR UPDATE;

-- name: restore_profile
-- Make a dropped profile usable again.
UPDATE embedding_profiles SET state = 'added' WHERE id = :id AND state = 'dropped';

-- name: mark_profile_building
-- From now on new documents are embedded for this profile too.
UPDATE embedding_profiles SET state = 'building', problem = '' WHERE id = :id AND state IN ('added', 'building');

-- name: queue_missing_vectors
-- Queue every chunk that has neither a vector of this profile nor a place in its queue, whichever workspace or version it
-- belongs to; what was given up is tried again when `again` says so. The locks are those that the foreign keys take anyway, only
-- earlier: what is being deleted is waited for and then left out, where a foreign key would end the statement.
INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id)
SELECT CAST(:id AS integer), c.id, c.workspace_id, c.version_id
FROM chunks c JOIN document_versions v ON v.id = c.version_id
WHERE NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = :id AND e.chunk_id = c.id)
FOR KEY SHARE OF v, c
ON CONFLICT (profile_id, chunk_id) DO UPDATE SET attempts = 0
WHERE CAST(:again AS boolean) AND (embedding_queue.claim_expires IS NULL OR embedding_queue.claim_expires < now());

-- name: count_missing_vectors
-- Chunks that answer questions and have no vector of this profile.
SELECT count(*) FROM documents d JOIN chunks c ON c.version_id = d.live_version_id
WHERE NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = :id AND e.chunk_id = c.id);

-- name: switch_profile
-- The one statement that makes another profile answer: a question before it reads the old vectors, one after it the new. The time
-- is that of the statement: the transaction may have waited for long, and questions began meanwhile.
WITH retired AS (
    UPDATE embedding_profiles SET state = 'retired', retired_at = clock_timestamp() WHERE state = 'live' AND id <> :id RETURNING id
)
UPDATE embedding_profiles SET state = 'live', retired_at = NULL
WHERE id = :id AND state IN ('building', 'retired') AND EXISTS (SELECT FROM retired)
RETURNING id;

-- name: update_profile_problem
-- Why a worker could not embed for a profile, or that it can again.
UPDATE embedding_profiles SET problem = :problem WHERE id = :id AND problem <> :problem;

-- name: update_worker_profiles
-- Which profiles a worker has in memory.
UPDATE workers SET profiles = CAST(:profiles AS integer[]) WHERE id = :id AND profiles <> CAST(:profiles AS integer[]);

-- name: list_workers_without_profile
-- Workers that answer questions and have not this profile's model in memory.
SELECT id FROM workers
WHERE role = 'query' AND last_seen > now() - interval '30 seconds' AND NOT profiles @> ARRAY[CAST(:id AS integer)]
ORDER BY id;

-- name: count_questions_using_profile
-- Questions that began while this profile was live and still run: they read its vectors. A second more, for those that began
-- between the statement and its commit.
SELECT count(*) FROM jobs j JOIN embedding_profiles p ON p.id = :id
WHERE j.kind = 'ask' AND j.state = 'running' AND j.started_at <= coalesce(p.retired_at + interval '1 second', '-infinity');

-- name: drop_profile
-- Takes a profile out of use; its row stays, because traces name it.
UPDATE embedding_profiles SET state = 'dropped', problem = '' WHERE id = :id AND state <> 'live' RETURNING id;

-- name: delete_profile_vectors
-- A batch of a dropped profile's vectors; none once it was added again.
DELETE FROM embeddings e USING (
    SELECT chunk_id FROM embeddings
    WHERE profile_id = (SELECT p.id FROM embedding_profiles p WHERE p.id = :id AND p.state = 'dropped' FOR SHARE) LIMIT :limit
) AS batch
WHERE e.profile_id = :id AND e.chunk_id = batch.chunk_id;

-- name: measure_profile_bytes
-- What the vectors of a profile take, in bytes.
SELECT coalesce(sum(pg_column_size(vector)), 0) FROM embeddings WHERE profile_id = :id;
