-- Repairs of findings of verify.sql. Every statement checks its condition again, because workers may be running.

-- name: repair_job_states
-- Give jobs what their state requires. A running job without a lease is queued again; an ended one without a result or
-- a reason fails with a reason, so that it can be retried.
UPDATE jobs
SET state = CASE WHEN state = 'running' AND stage <> 'embed' AND lease_token IS NULL THEN 'queued'
                 WHEN state = 'succeeded' AND result IS NULL THEN 'failed' ELSE state END,
    error_class = CASE WHEN (state IN ('failed', 'dead') AND coalesce(error_class, '') = '') OR (state = 'succeeded' AND result IS NULL)
                       THEN 'Unknown' ELSE error_class END,
    error = CASE WHEN state IN ('failed', 'dead') AND coalesce(error, '') = '' THEN 'The reason was not recorded.'
                 WHEN state = 'succeeded' AND result IS NULL THEN 'The result was not recorded. Retry the job.' ELSE error END,
    finished_at = CASE WHEN state NOT IN ('queued', 'running') THEN coalesce(finished_at, now()) END,
    published_at = CASE WHEN state IN ('queued', 'running') AND lease_token IS NULL AND stage <> 'embed' THEN NULL ELSE published_at END,
    lease_token = CASE WHEN state = 'running' THEN lease_token END, lease_expires = CASE WHEN state = 'running' THEN lease_expires END,
    attempt = greatest(0, least(attempt, max_attempts))
WHERE id = ANY (:ids);

-- name: repair_job_events
-- Record the current state of jobs as an event.
INSERT INTO job_events (job_id, workspace_id, state, stage, attempt, worker, writer_token, note)
SELECT j.id, j.workspace_id, j.state, j.stage, j.attempt, j.lease_owner, j.writer_token, 'recorded by refdesk repair'
FROM jobs j
WHERE j.id = ANY (:ids) AND j.state IS DISTINCT FROM (SELECT e.state FROM job_events e WHERE e.job_id = j.id ORDER BY e.id DESC LIMIT 1);

-- name: expire_leases_without_worker
-- Let leases expire whose worker sends no heartbeats, so that the sweeper ends them.
UPDATE jobs j SET lease_expires = now() - interval '1 second'
WHERE j.id = ANY (:ids) AND j.state = 'running' AND j.lease_token IS NOT NULL
  AND NOT EXISTS (SELECT FROM workers w WHERE w.id = j.lease_owner AND w.last_seen > now() - interval '30 seconds');

-- name: release_chunk_claims_without_worker
-- Release claims of chunks that have expired or whose worker sends no heartbeats.
UPDATE embedding_queue q SET claim_token = NULL, claim_owner = NULL, claim_expires = NULL
WHERE q.chunk_id = ANY (:ids)
  AND (q.claim_expires < now()
       OR NOT EXISTS (SELECT FROM workers w WHERE w.id = q.claim_owner AND w.last_seen > now() - interval '30 seconds'));

-- name: release_expired_delivery_claims
-- Release expired claims of deliveries.
UPDATE deliveries SET claim_owner = NULL, claim_token = NULL, claim_expires = NULL WHERE id = ANY (:ids) AND claim_expires < now();

-- name: delete_stray_versions
-- Delete versions that are neither live nor the newest version of an open job.
DELETE FROM document_versions v
WHERE v.id = ANY (:ids) AND NOT EXISTS (SELECT FROM documents d WHERE d.live_version_id = v.id)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = v.job_id AND j.state IN ('queued', 'running')
                  AND v.id = (SELECT max(o.id) FROM document_versions o WHERE o.job_id = j.id));

-- name: delete_stray_documents
-- Delete documents without a version that no open job is adding.
DELETE FROM documents d
WHERE d.id = ANY (:ids) AND d.live_version_id IS NULL AND NOT EXISTS (SELECT FROM document_versions v WHERE v.document_id = d.id)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = d.workspace_id AND j.kind = 'ingest' AND j.state IN ('queued', 'running')
                  AND j.payload ->> 'source' = d.source);

-- name: delete_stray_terms
-- Delete terms whose chunk does not exist or belongs to another version.
DELETE FROM chunk_terms t WHERE t.chunk_id = ANY (:ids) AND NOT EXISTS (SELECT FROM chunks c WHERE (c.id, c.version_id) = (t.chunk_id, t.version_id));

-- name: list_documents_to_add_again
-- List the documents of damaged live versions whose original bytes are stored.
SELECT d.workspace_id, d.source, d.title, d.media_type, d.channels, d.added_by, d.origin, encode(v.sha256, 'hex') AS sha256
FROM document_versions v JOIN documents d ON d.live_version_id = v.id
JOIN blobs b ON b.workspace_id = v.workspace_id AND b.sha256 = v.sha256
WHERE v.id = ANY (:ids) ORDER BY d.workspace_id, d.id;

-- name: queue_jobs_of_damaged_versions
-- Queue the jobs again that were building damaged versions.
UPDATE jobs j SET state = 'queued', stage = '', published_at = NULL, progress_done = 0, progress_total = 0
FROM document_versions v WHERE v.id = ANY (:ids) AND j.id = v.job_id AND j.state = 'running' AND j.lease_token IS NULL;

-- name: delete_damaged_versions
-- Delete the damaged versions whose jobs are queued again.
DELETE FROM document_versions v USING jobs j
WHERE v.id = ANY (:ids) AND j.id = v.job_id AND j.state = 'queued' AND NOT EXISTS (SELECT FROM documents d WHERE d.live_version_id = v.id);

-- name: copy_live_versions
-- Copy the sizes and the scope of live versions to their documents, which a trigger does.
UPDATE documents d SET live_version_id = d.live_version_id WHERE d.id = ANY (:ids);

-- name: correct_version_scopes
-- Give live versions the scope of their documents, and other versions none.
UPDATE document_versions v SET scope_id = CASE WHEN d.live_version_id = v.id THEN d.scope_id END
FROM documents d
WHERE d.id = ANY (:ids) AND v.document_id = d.id AND v.scope_id IS DISTINCT FROM CASE WHEN d.live_version_id = v.id THEN d.scope_id END;

-- name: delete_stray_vectors
-- Delete vectors of chunks that do not exist.
DELETE FROM embeddings e WHERE e.chunk_id = ANY (:ids) AND NOT EXISTS (SELECT FROM chunks c WHERE c.id = e.chunk_id);

-- name: correct_vectors
-- Give vectors the version, the workspace and the scope of their chunks.
UPDATE embeddings e SET version_id = v.id, workspace_id = v.workspace_id, scope_id = v.scope_id
FROM chunks c JOIN document_versions v ON v.id = c.version_id
WHERE e.chunk_id = ANY (:ids) AND c.id = e.chunk_id
  AND (e.version_id, e.workspace_id, e.scope_id) IS DISTINCT FROM (v.id, v.workspace_id, v.scope_id);

-- name: queue_missing_vectors_of_chunks
-- Queue chunks for each profile that has no vector of them. The row locks are those of queue_missing_vectors.
INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id)
SELECT p.id, c.id, c.workspace_id, c.version_id
FROM chunks c JOIN document_versions v ON v.id = c.version_id CROSS JOIN embedding_profiles p
WHERE c.id = ANY (:ids) AND p.state IN ('live', 'building', 'retired')
  AND NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = p.id AND e.chunk_id = c.id)
FOR KEY SHARE OF v, c
ON CONFLICT DO NOTHING;

-- name: dequeue_embedded_chunks
-- Remove chunks with a vector from the embedding queue.
DELETE FROM embedding_queue q USING embeddings e WHERE q.chunk_id = ANY (:ids) AND e.profile_id = q.profile_id AND e.chunk_id = q.chunk_id;

-- name: correct_queued_chunks
-- Give queued chunks the version and the workspace of their chunks.
UPDATE embedding_queue q SET version_id = c.version_id, workspace_id = c.workspace_id FROM chunks c WHERE q.chunk_id = ANY (:ids) AND c.id = q.chunk_id;

-- name: wait_for_segment_lock
-- Wait for the builder of segments of a workspace, and keep other ones out until the transaction ends.
SELECT pg_advisory_xact_lock(72450010, :workspace_id);

-- name: rebuild_keyword_index
-- Replace the keyword index of a workspace by a tail with all visible chunks. One statement reads one snapshot: a
-- version that becomes visible meanwhile is neither counted here nor are its changes deleted.
WITH segments AS (
    DELETE FROM keyword_segments WHERE workspace_id = :workspace_id
), tail AS (
    DELETE FROM keyword_changes WHERE workspace_id = :workspace_id
)
INSERT INTO keyword_changes (workspace_id, chunk_id, scope_id, change, length, terms)
SELECT t.workspace_id, t.chunk_id, v.scope_id, 1, t.length, t.terms
FROM chunk_terms t JOIN document_versions v ON v.id = t.version_id
WHERE t.workspace_id = :workspace_id AND v.scope_id IS NOT NULL;

-- name: mark_shown_jobs_delivered
-- Mark the ended jobs of delivered messages as delivered.
UPDATE jobs j SET delivered_at = d.delivered_at
FROM deliveries d
WHERE d.id = ANY (:ids) AND j.delivery_id = d.id AND d.state = 'delivered' AND j.delivered_at IS NULL AND j.state NOT IN ('queued', 'running');

-- name: list_open_jobs_of_deliveries
-- List an open job of each of these delivered messages.
SELECT min(j.id) FROM deliveries d JOIN jobs j ON j.delivery_id = d.id
WHERE d.id = ANY (:ids) AND d.state = 'delivered' AND j.state IN ('queued', 'running') GROUP BY d.id;
