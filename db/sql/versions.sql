-- Versions: built in parallel to the live one with their chunks and terms, and switched in one statement.

-- name: insert_versions
-- Insert versions of one workspace.
INSERT INTO document_versions (workspace_id, document_id, job_id, sha256, title, media_type, pages, language, chunks, terms, warnings, unread)
SELECT :workspace_id, v.document_id, v.job_id, decode(v.sha256, 'hex'), v.title, v.media_type, v.pages, v.language, v.chunks, v.terms,
       v.warnings, v.unread
FROM jsonb_to_recordset(CAST(:versions AS jsonb))
     AS v(document_id integer, job_id bigint, sha256 text, title text, media_type text, pages integer, language text, chunks integer,
          terms bigint, warnings text[], unread jsonb)
RETURNING id, job_id;

-- name: insert_chunks
-- Insert all chunks of versions in one statement. Headings are passed as JSON because arrays of arrays must be
-- rectangular.
INSERT INTO chunks (workspace_id, document_id, version_id, ordinal, text, headings, page, tokens, input_hash,
                    confidence)
SELECT :workspace_id, c.document_id, c.version_id, c.ordinal, c.text, c.headings, c.page, c.tokens, decode(c.input_hash, 'hex'),
       c.confidence
FROM jsonb_to_recordset(CAST(:chunks AS jsonb))
     AS c(document_id integer, version_id integer, ordinal integer, text text, headings text[], page integer, tokens integer,
          input_hash text, confidence real)
RETURNING id, version_id, ordinal;

-- name: copy_or_queue_vectors
-- Copy the vectors of chunks whose embedding input already has one in the workspace, and queue the other chunks, for
-- the live profile and all others that are kept complete. The k-th chunk is due 20 ms after the one before, so that a
-- long document does not delay short ones. Returns how many chunks of a version are queued for the live profile.
WITH kept AS (
    SELECT id AS profile_id, state FROM embedding_profiles WHERE state IN ('live', 'building', 'retired')
), reused AS (
    INSERT INTO embeddings (profile_id, chunk_id, workspace_id, version_id, vector)
    SELECT DISTINCT ON (k.profile_id, n.id) k.profile_id, n.id, n.workspace_id, n.version_id, e.vector
    FROM kept k
    CROSS JOIN chunks n
    JOIN chunks o ON o.workspace_id = n.workspace_id AND o.input_hash = n.input_hash AND o.version_id <> n.version_id
    JOIN embeddings e ON e.chunk_id = o.id AND e.profile_id = k.profile_id
    WHERE n.version_id = ANY (:version_ids)
    ORDER BY k.profile_id, n.id, o.id
    ON CONFLICT DO NOTHING
    RETURNING profile_id, chunk_id
), queued AS (
    INSERT INTO embedding_queue (profile_id, chunk_id, workspace_id, version_id, due_at, requester)
    SELECT k.profile_id, c.id, c.workspace_id, c.version_id, now() + c.ordinal * interval '20 milliseconds', coalesce(j.requester, '')
    FROM kept k CROSS JOIN chunks c JOIN document_versions v ON v.id = c.version_id LEFT JOIN jobs j ON j.id = v.job_id
    WHERE c.version_id = ANY (:version_ids) AND (k.profile_id, c.id) NOT IN (SELECT profile_id, chunk_id FROM reused)
    ON CONFLICT DO NOTHING
    RETURNING profile_id, version_id
)
SELECT version_id, count(*) AS queued FROM queued JOIN kept USING (profile_id) WHERE kept.state = 'live' GROUP BY version_id;

-- name: release_leases_to_embedder
-- Release the leases of locked ingest jobs whose chunks are stored; the jobs then wait for vectors.
UPDATE jobs j
SET stage = 'embed', progress_done = s.done, progress_total = s.total, lease_token = NULL, lease_expires = NULL, writer_token = s.token
FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS uuid[]), CAST(:done AS integer[]), CAST(:totals AS integer[])) AS s(id, token, done, total)
WHERE j.id = s.id;

-- name: lock_version_jobs
-- First lock: all transactions lock jobs, documents and versions in this order, so that embedding, cancelling and
-- deleting wait for each other instead of deadlocking. It also makes two workers that finish the last two batches of a
-- version at the same time see each other's result.
SELECT j.id FROM jobs j JOIN document_versions v ON v.job_id = j.id WHERE v.id = ANY (:version_ids) ORDER BY j.id FOR UPDATE OF j;

-- name: lock_version_documents
-- Second lock.
SELECT d.id FROM documents d WHERE d.id IN (SELECT document_id FROM document_versions WHERE id = ANY (:version_ids)) ORDER BY d.id FOR UPDATE;

-- name: lock_versions
-- Third lock.
SELECT id FROM document_versions WHERE id = ANY (:version_ids) ORDER BY id FOR UPDATE;

-- name: list_complete_versions
-- List those of these versions that have all vectors of the live profile and whose job waits for them, in the order of
-- their requests. `outdated`: the live version was requested later, so this version must not replace it.
SELECT v.id, v.document_id,
       coalesce((lj.requested_at, lj.id) > (j.requested_at, j.id), false) AS outdated
FROM document_versions v JOIN jobs j ON j.id = v.job_id JOIN documents d ON d.id = v.document_id
LEFT JOIN document_versions l ON l.id = d.live_version_id LEFT JOIN jobs lj ON lj.id = l.job_id
WHERE v.id = ANY (:version_ids) AND j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL
  AND NOT EXISTS (SELECT FROM embedding_queue q
                  WHERE q.version_id = v.id AND q.profile_id = (SELECT id FROM embedding_profiles WHERE state = 'live'))
ORDER BY j.requested_at, j.id;

-- name: end_outdated_jobs
-- End the jobs of versions that a later request has superseded.
UPDATE jobs j
SET state = 'succeeded', stage = 'done', finished_at = now(), progress_done = progress_total, error = NULL, error_class = NULL,
    result = jsonb_build_object('document', v.document_id, 'title', d.title, 'chunks', v.chunks, 'unchanged', true, 'overtaken', true)
FROM document_versions v JOIN documents d ON d.id = v.document_id
WHERE v.id = ANY (:version_ids) AND j.id = v.job_id AND j.state = 'running' AND j.stage = 'embed';

-- name: switch_versions
-- Make versions live in one statement.
UPDATE documents d
SET live_version_id = v.id, title = v.title, media_type = v.media_type, updated_at = now(),
    origin = (SELECT j.payload ->> 'origin' FROM jobs j WHERE j.id = v.job_id AND j.payload ->> 'origin' ~* '^https?://'),
    channels = (SELECT CASE WHEN jsonb_typeof(j.payload -> 'channels') = 'array'
                            THEN ARRAY(SELECT jsonb_array_elements_text(j.payload -> 'channels')) END
                FROM jobs j WHERE j.id = v.job_id)
FROM document_versions v
WHERE v.id = ANY (:version_ids) AND d.id = v.document_id;

-- name: delete_superseded_versions
-- Delete versions that are no longer live and that no open job is building.
DELETE FROM document_versions o
USING document_versions v
WHERE v.id = ANY (:version_ids) AND o.document_id = v.document_id AND o.id <> v.id
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = o.job_id AND j.state IN ('queued', 'running'));

-- name: succeed_version_jobs
-- End the jobs of versions that are now live.
UPDATE jobs j
SET state = 'succeeded', stage = 'done', finished_at = now(), progress_done = progress_total, error = NULL, error_class = NULL,
    result = jsonb_build_object('document', v.document_id, 'title', v.title, 'chunks', v.chunks, 'pages', v.pages, 'unchanged', false,
                                'warnings', to_jsonb(v.warnings), 'unread', v.unread)
FROM document_versions v
WHERE v.id = ANY (:version_ids) AND j.id = v.job_id AND j.state = 'running' AND j.stage = 'embed';
