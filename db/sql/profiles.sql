-- Embedding profiles: built in parallel to the live one, switched in one statement, kept for a rollback, dropped.

-- name: lock_profiles_shared
-- Acquired by every transaction that makes a version live or queues its chunks; waits while a switch is running.
SELECT pg_advisory_xact_lock_shared(72450006);

-- name: lock_profiles_exclusive
-- Acquired by every transaction that changes which profile is live; waits for all shared locks.
SELECT pg_advisory_xact_lock(72450006);

-- name: list_profiles
-- List all profiles, the live one first, with the number of their vectors and of queued chunks. `stuck`: chunks that
-- used up their attempts.
SELECT p.*,
       (SELECT count(*) FROM embeddings e WHERE e.profile_id = p.id) AS vectors,
       (SELECT count(*) FROM embedding_queue q WHERE q.profile_id = p.id) AS waiting,
       (SELECT count(*) FROM embedding_queue q
        WHERE q.profile_id = p.id AND q.attempts >= :max_attempts AND (q.claim_expires IS NULL OR q.claim_expires < now())) AS stuck
FROM embedding_profiles p
ORDER BY array_position(ARRAY['live', 'building', 'retired', 'added', 'dropped'], p.state), p.id;

-- name: list_filled_profiles
-- List the profiles that are kept complete, in the order in which their queues are processed.
SELECT p.* FROM embedding_profiles p
WHERE p.state IN ('live', 'building', 'retired')
ORDER BY array_position(ARRAY['live', 'building', 'retired'], p.state), p.id;

-- name: lock_profile_by_name
-- Lock the profile of a name, if there is one.
SELECT * FROM embedding_profiles WHERE name = :name FOR UPDATE;

-- name: restore_profile
-- Make a dropped profile available again.
UPDATE embedding_profiles SET state = 'added' WHERE id = :id AND state = 'dropped';

-- name: mark_profile_building
-- Mark a profile as building; from now on new documents are embedded for it too.
UPDATE embedding_profiles SET state = 'building', problem = '' WHERE id = :id AND state IN ('added', 'building');

-- name: queue_missing_vectors
-- Queue all chunks of all workspaces and versions that have no vector of this profile and are not queued for it;
-- `again` also resets the attempts of chunks that used them up. The row locks are those that the foreign keys take
-- later anyway: rows being deleted are waited for and then skipped, where a foreign key would fail the statement.
INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id)
SELECT CAST(:id AS integer), c.id, c.workspace_id, c.version_id
FROM chunks c JOIN document_versions v ON v.id = c.version_id
WHERE NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = :id AND e.chunk_id = c.id)
FOR KEY SHARE OF v, c
ON CONFLICT (profile_id, chunk_id) DO UPDATE SET attempts = 0
WHERE CAST(:again AS boolean) AND (embedding_queue.claim_expires IS NULL OR embedding_queue.claim_expires < now());

-- name: count_missing_vectors
-- Count the chunks of live versions that have no vector of this profile.
SELECT count(*) FROM documents d JOIN chunks c ON c.version_id = d.live_version_id
WHERE NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = :id AND e.chunk_id = c.id);

-- name: switch_profile
-- Make another profile live in one statement: a question that started before uses the old vectors, one that starts
-- later the new ones. Uses the time of the statement, because the transaction may have waited for a lock while
-- questions started.
WITH retired AS (
    UPDATE embedding_profiles SET state = 'retired', retired_at = clock_timestamp() WHERE state = 'live' AND id <> :id RETURNING id
)
UPDATE embedding_profiles SET state = 'live', retired_at = NULL
WHERE id = :id AND state IN ('building', 'retired') AND EXISTS (SELECT FROM retired)
RETURNING id;

-- name: update_profile_problem
-- Record why a worker could not embed for a profile; empty if it could.
UPDATE embedding_profiles SET problem = :problem WHERE id = :id AND problem <> :problem;

-- name: update_worker_profiles
-- Record which profiles a worker has loaded.
UPDATE workers SET profiles = CAST(:profiles AS integer[]) WHERE id = :id AND profiles <> CAST(:profiles AS integer[]);

-- name: list_workers_without_profile
-- List running query workers that have not loaded the model of a profile.
SELECT id FROM workers
WHERE role = 'query' AND last_seen > now() - interval '30 seconds' AND NOT profiles @> ARRAY[CAST(:id AS integer)]
ORDER BY id;

-- name: count_questions_using_profile
-- Count running questions that started while this profile was live and may read its vectors. One second is added for
-- questions that started between the statement and its commit.
SELECT count(*) FROM jobs j JOIN embedding_profiles p ON p.id = :id
WHERE j.kind = 'ask' AND j.state = 'running' AND j.started_at <= coalesce(p.retired_at + interval '1 second', '-infinity');

-- name: drop_profile
-- Mark a profile as dropped. Its row remains, because traces refer to it.
UPDATE embedding_profiles SET state = 'dropped', problem = '' WHERE id = :id AND state <> 'live' RETURNING id;

-- name: delete_profile_vectors
-- Delete one batch of the vectors of a dropped profile; none if the profile was added again.
DELETE FROM embeddings e USING (
    SELECT chunk_id FROM embeddings
    WHERE profile_id = (SELECT p.id FROM embedding_profiles p WHERE p.id = :id AND p.state = 'dropped' FOR SHARE) LIMIT :limit
) AS batch
WHERE e.profile_id = :id AND e.chunk_id = batch.chunk_id;

-- name: measure_profile_bytes
-- Measure the size of the vectors of a profile in bytes.
SELECT coalesce(sum(pg_column_size(vector)), 0) FROM embeddings WHERE profile_id = :id;
