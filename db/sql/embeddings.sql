-- The embedding queue: chunks claimed in batches across documents, and their vectors.

-- name: count_embedding_backlog
-- Count the chunks that can be claimed, up to one batch, with the age of the oldest one and the earlier claims of the
-- one that is due first. The limit keeps this cheap if the queue is long.
SELECT count(*) AS waiting, coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float AS oldest_s,
       coalesce((array_agg(attempts ORDER BY due_at))[1], 0) AS attempts
FROM (
    SELECT queued_at, due_at, attempts FROM embedding_queue
    WHERE profile_id = :profile_id AND attempts < :max_attempts AND (claim_expires IS NULL OR claim_expires < now())
    ORDER BY due_at
    LIMIT :limit
) AS next;

-- name: has_queued_ingest_jobs
-- Count up to one queued ingest job that is due and will add chunks.
SELECT count(*) FROM (SELECT FROM jobs WHERE queue = 'ingest' AND state = 'queued' AND run_after <= now() LIMIT 1) AS j;

-- name: lock_embedding_claims
-- Let one worker at a time choose the chunks of its claim, so that two do not choose the same ones.
SELECT pg_advisory_xact_lock(72450013);

-- name: claim_chunks
-- Claim the next batch across documents. Workspaces take turns chunk by chunk, and so do the people of a workspace; each
-- person's chunks follow in the order of `due_at`. Chunks that were claimed before and not finished (their worker died)
-- are claimed in smaller and smaller batches, until the chunk that kills workers is alone in its batch. With many people,
-- at most four times an equal share is read of each, so that a claim reads few chunks that it does not take.
WITH RECURSIVE people (workspace_id, requester) AS (
    (SELECT q.workspace_id, q.requester FROM embedding_queue q WHERE q.profile_id = :profile_id
     ORDER BY q.workspace_id, q.requester LIMIT 1)
    UNION ALL
    SELECT n.workspace_id, n.requester FROM people p CROSS JOIN LATERAL (
        SELECT q.workspace_id, q.requester FROM embedding_queue q
        WHERE q.profile_id = :profile_id AND (q.workspace_id, q.requester) > (p.workspace_id, p.requester)
        ORDER BY q.workspace_id, q.requester LIMIT 1) n
), chunks_of_people AS (
    SELECT p.workspace_id, c.chunk_id, c.due_at,
           row_number() OVER (PARTITION BY p.workspace_id, p.requester ORDER BY c.due_at, c.chunk_id) AS turn
    FROM people p CROSS JOIN LATERAL (
        SELECT q.chunk_id, q.due_at FROM embedding_queue q
        WHERE q.profile_id = :profile_id AND q.workspace_id = p.workspace_id AND q.requester = p.requester
          AND q.attempts = :attempts AND (q.claim_expires IS NULL OR q.claim_expires < now())
        ORDER BY q.due_at, q.chunk_id LIMIT least(:limit, ceil(4.0 * :limit / (SELECT count(*) FROM people)))) c
), chunks_of_workspaces AS (
    SELECT chunk_id, due_at, row_number() OVER (PARTITION BY workspace_id ORDER BY turn, due_at, chunk_id) AS turn FROM chunks_of_people
), next AS (
    SELECT q.profile_id, q.chunk_id FROM embedding_queue q
    WHERE q.profile_id = :profile_id
      AND q.chunk_id = ANY (ARRAY(SELECT chunk_id FROM chunks_of_workspaces ORDER BY turn, due_at, chunk_id LIMIT :limit))
    FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE embedding_queue q
    SET claim_token = :token, claim_owner = :worker, claim_expires = now() + make_interval(secs => :lease_s), attempts = q.attempts + 1
    FROM next WHERE q.profile_id = next.profile_id AND q.chunk_id = next.chunk_id
    RETURNING q.chunk_id, q.workspace_id, q.version_id
)
SELECT c.id AS chunk_id, k.workspace_id, k.version_id, c.headings, c.text FROM claimed k JOIN chunks c ON c.id = k.chunk_id ORDER BY c.id;

-- name: renew_chunk_claim
-- Renew the claim of a batch (heartbeat).
UPDATE embedding_queue SET claim_expires = now() + make_interval(secs => :lease_s) WHERE claim_token = :token;

-- name: release_chunk_claim
-- Release a batch. The attempt counts if the work failed, not if the worker stops.
UPDATE embedding_queue
SET claim_token = NULL, claim_owner = NULL, claim_expires = NULL, attempts = CASE WHEN CAST(:counted AS boolean) THEN attempts ELSE greatest(0, attempts - 1) END
WHERE claim_token = :token;

-- name: dequeue_claimed_chunks
-- The fence of a batch: remove the chunks that are still claimed under this token; only they get their vectors.
DELETE FROM embedding_queue WHERE claim_token = :token AND profile_id = :profile_id RETURNING chunk_id;

-- name: insert_embedding
-- Insert one vector. The version may already be live if the profile is not; the caller has locked it.
INSERT INTO embeddings (profile_id, chunk_id, workspace_id, version_id, scope_id, vector)
SELECT :profile_id, :chunk_id, :workspace_id, v.id, v.scope_id, :vector FROM document_versions v WHERE v.id = :version_id
ON CONFLICT DO NOTHING;

-- name: update_embedding_progress
-- Update the progress of the jobs that build these versions.
UPDATE jobs j
SET progress_done = j.progress_total - (SELECT count(*) FROM embedding_queue q
                                         WHERE q.version_id = v.id AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live'))
FROM document_versions v
WHERE v.id = ANY (:version_ids) AND j.id = v.job_id AND j.state = 'running' AND j.stage = 'embed';

-- name: list_unembeddable_versions
-- List versions with a chunk that used up its attempts for the live profile. For other profiles such a chunk stays in
-- the queue, so that the profile never becomes complete.
SELECT DISTINCT v.id, v.job_id FROM embedding_queue q JOIN document_versions v ON v.id = q.version_id
WHERE q.attempts >= :max_attempts AND (q.claim_expires IS NULL OR q.claim_expires < now())
  AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live');

-- name: mark_embedding_job_dead
-- Mark the job of a version that cannot be embedded as dead.
UPDATE jobs SET state = 'dead', finished_at = now(), error_class = 'WorkerLost',
       error = format('A chunk of this document could not be embedded in %s attempts; each time the work failed or its worker died.', CAST(:max_attempts AS integer))
WHERE id = :id AND state = 'running' AND stage = 'embed' AND lease_token IS NULL
RETURNING *;
