-- Erasure: what remains of deleted documents in traces, jobs and stored bytes. Ranks, scores, times and costs are kept.

-- name: lock_library
-- Wait until the answers that are being stored in this workspace are stored, and let new ones wait: each of them holds
-- this lock in shared mode (traces.sql). It is taken before all locks of rows.
SELECT pg_advisory_xact_lock(72450011, :workspace_id);

-- name: lock_ingest_jobs
-- Lock the ingest jobs of documents, ended ones too, and return the hashes of all bytes that the documents had, with the
-- last time at which they can have been stored.
WITH of_documents AS (
    SELECT j.id, j.payload ->> 'sha256' AS sha256, coalesce(j.finished_at, j.created_at) AS ended_at FROM jobs j
    JOIN documents d ON d.workspace_id = j.workspace_id AND d.source = j.payload ->> 'source'
    WHERE d.id = ANY (CAST(:document_ids AS integer[])) AND j.kind = 'ingest'
    ORDER BY j.id FOR UPDATE OF j
)
SELECT ARRAY(SELECT id FROM of_documents) AS job_ids,
       ARRAY(SELECT encode(sha256, 'hex') FROM document_versions WHERE document_id = ANY (CAST(:document_ids AS integer[]))
             UNION SELECT sha256 FROM of_documents WHERE sha256 IS NOT NULL) AS hashes,
       greatest((SELECT max(created_at) FROM document_versions WHERE document_id = ANY (CAST(:document_ids AS integer[]))),
                (SELECT max(ended_at) FROM of_documents)) AS stored_until;

-- name: erase_ingest_jobs
-- Remove names, links, results and errors of ingest jobs. The rows remain, because they count towards quotas.
UPDATE jobs
SET payload = jsonb_strip_nulls(jsonb_build_object('deleted', true, 'rounds', payload -> 'rounds')),
    result = CASE WHEN result IS NOT NULL THEN '{"deleted": true}'::jsonb END,
    error = CASE WHEN error IS NOT NULL THEN 'The document was deleted.' END
WHERE id = ANY (CAST(:job_ids AS bigint[]));

-- name: erase_job_notes
-- Remove the errors of these jobs from their events.
UPDATE job_events SET note = '' WHERE job_id = ANY (CAST(:job_ids AS bigint[])) AND note <> '';

-- name: list_traces_of_documents
-- List the answered questions that found a passage of these documents; `used`: one of the passages of the answer.
SELECT q.id, q.job_id, q.answer,
       EXISTS (SELECT FROM (SELECT k.document_id FROM query_candidates k
                            WHERE k.query_id = q.id AND NOT 'duplicate' = ANY (k.flags) ORDER BY k.rank LIMIT q.top_k) read
               WHERE read.document_id = ANY (CAST(:document_ids AS integer[]))) AS used
FROM queries q
WHERE q.id IN (SELECT query_id FROM query_candidates WHERE document_id = ANY (CAST(:document_ids AS integer[])));

-- name: erase_candidates
-- Remove title, page, reason and quote of the candidates from these documents.
UPDATE query_candidates SET title = '', page = NULL, reason = '', quote = NULL
WHERE document_id = ANY (CAST(:document_ids AS integer[]));

-- name: erase_reasons
-- Remove the reasons of all candidates of answers that used these documents: a reason may compare passages.
UPDATE query_candidates SET reason = '' WHERE query_id = ANY (CAST(:used_ids AS bigint[])) AND reason <> '';

-- name: erase_answers
-- Remove answers that used these documents: such an answer consists of their sentences, or repeats them.
UPDATE queries SET answer = '', fallbacks = '[]' WHERE id = ANY (CAST(:used_ids AS bigint[]));

-- name: lock_ask_jobs
-- Lock jobs in the order of their IDs.
SELECT id FROM jobs WHERE id = ANY (CAST(:job_ids AS bigint[])) ORDER BY id FOR UPDATE;

-- name: erase_results
-- Remove these documents from the results of questions: the answers that used them, and otherwise the titles of the
-- documents that were found. The ranks remain in the traces.
UPDATE jobs j
SET result = j.result || CASE WHEN j.id = ANY (CAST(:used_job_ids AS bigint[]))
        THEN '{"deleted": true, "answer": "", "citations": [], "conflicts": [], "fallbacks": [], "candidates": []}'::jsonb
        ELSE jsonb_build_object('candidates', '[]'::jsonb, 'citations', (
            SELECT coalesce(jsonb_agg(c.value || '{"also_in": []}'), '[]') FROM jsonb_array_elements(j.result -> 'citations') c)) END
WHERE j.id = ANY (CAST(:job_ids AS bigint[])) AND j.result IS NOT NULL;

-- name: list_follow_ups
-- List follow-up questions whose stored conversation contains one of these answers or questions.
SELECT j.id FROM jobs j
WHERE j.workspace_id = :workspace_id AND j.kind = 'ask' AND jsonb_array_length(coalesce(j.payload -> 'conversation', '[]')) > 0
  AND EXISTS (SELECT FROM jsonb_array_elements(j.payload -> 'conversation') turn
              WHERE turn ->> 'answer' = ANY (CAST(:answers AS text[])) OR turn ->> 'question' = ANY (CAST(:questions AS text[])))
ORDER BY j.id;

-- name: erase_conversations
-- Remove these exchanges from follow-up questions, and how such a question was rewritten with them.
UPDATE jobs j
SET payload = j.payload || jsonb_build_object('conversation', (
        SELECT coalesce(jsonb_agg(turn), '[]') FROM jsonb_array_elements(j.payload -> 'conversation') turn
        WHERE turn ->> 'answer' <> ALL (CAST(:answers AS text[])) AND turn ->> 'question' <> ALL (CAST(:questions AS text[])))),
    result = j.result || '{"searched_as": ""}'
WHERE j.id = ANY (CAST(:job_ids AS bigint[]));

-- name: erase_rewritten_questions
-- Remove how these follow-up questions were rewritten from their traces.
UPDATE queries SET searched_as = '' WHERE job_id = ANY (CAST(:job_ids AS bigint[])) AND searched_as <> '';

-- name: delete_unused_blobs
-- Delete original bytes at once that no version and no open job needs. Bytes that were stored after the last job with
-- them ended belong to a job that is about to be submitted; the sweeper deletes them if there is none.
DELETE FROM blobs b
USING unnest(CAST(:hashes AS text[])) AS erased(sha256)
WHERE b.workspace_id = :workspace_id AND b.sha256 = decode(erased.sha256, 'hex') AND b.created_at <= coalesce(CAST(:stored_until AS timestamptz), now())
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.workspace_id = b.workspace_id AND v.sha256 = b.sha256)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = b.workspace_id AND j.payload ->> 'sha256' = erased.sha256
                  AND j.state IN ('queued', 'running'));

-- name: count_document_rows
-- Count what a document consists of and where its texts are stored.
SELECT 'versions' AS name, count(*) AS rows FROM document_versions WHERE document_id = :document_id
UNION ALL SELECT 'chunks', count(*) FROM chunks WHERE document_id = :document_id
UNION ALL SELECT 'vectors', count(*) FROM embeddings e JOIN chunks c ON c.id = e.chunk_id WHERE c.document_id = :document_id
UNION ALL SELECT 'jobs', count(*) FROM jobs j JOIN documents d ON d.workspace_id = j.workspace_id AND d.source = j.payload ->> 'source'
          WHERE d.id = :document_id AND j.kind = 'ingest'
UNION ALL SELECT 'questions that found it', count(*) FROM query_candidates WHERE document_id = :document_id
UNION ALL SELECT 'answers that cite it', count(*) FROM query_candidates WHERE document_id = :document_id AND citation IS NOT NULL;

-- name: list_deleted_documents
-- List documents that were deleted while deleting left their texts in traces and jobs.
SELECT DISTINCT k.workspace_id, k.document_id FROM query_candidates k
WHERE (k.title <> '' OR k.quote IS NOT NULL) AND NOT EXISTS (SELECT FROM documents d WHERE d.id = k.document_id)
UNION
SELECT j.workspace_id, CAST(j.result ->> 'document' AS integer) FROM jobs j
WHERE j.kind = 'ingest' AND j.state = 'succeeded' AND j.result ? 'document'
  AND NOT EXISTS (SELECT FROM documents d WHERE d.id = CAST(j.result ->> 'document' AS integer))
ORDER BY 1, 2;

-- name: lock_jobs_of_deleted_documents
-- Lock the jobs that added deleted documents, as `lock_ingest_jobs` does while the documents exist.
WITH of_documents AS (
    SELECT j.id, j.payload ->> 'sha256' AS sha256 FROM jobs j
    WHERE j.workspace_id = :workspace_id AND j.kind = 'ingest' AND j.state = 'succeeded'
      AND j.result -> 'document' <@ to_jsonb(CAST(:document_ids AS integer[]))
    ORDER BY j.id FOR UPDATE
)
SELECT ARRAY(SELECT id FROM of_documents) AS job_ids,
       ARRAY(SELECT sha256 FROM of_documents WHERE sha256 IS NOT NULL) AS hashes, now() AS stored_until;
