-- Erasure of a person in all workspaces. Of a question or an added document, a row without texts and IDs remains that
-- counts towards the quotas and budgets of its workspace.

-- name: count_personal_rows
-- Count what is stored with the ID of a person.
SELECT 'questions' AS name, count(*) AS rows FROM jobs WHERE requester = :user_id AND kind = 'ask'
UNION ALL SELECT 'document_jobs', count(*) FROM jobs WHERE requester = :user_id AND kind = 'ingest'
UNION ALL SELECT 'documents', count(*) FROM documents WHERE added_by = :user_id
UNION ALL SELECT 'messages', count(*) FROM deliveries WHERE user_id = :user_id
UNION ALL SELECT 'votes', count(*) FROM feedback WHERE user_id = :user_id
UNION ALL SELECT 'helper_requests', count(*) FROM helper_requests WHERE user_id = :user_id
UNION ALL SELECT 'gaps', count(*) FROM gap_resolutions WHERE user_id = :user_id
UNION ALL SELECT 'settings', count(*) FROM workspace_settings WHERE updated_by = :user_id
UNION ALL SELECT 'digests', count(*) FROM digests WHERE user_id = :user_id
UNION ALL SELECT 'costs', count(*) FROM embedding_usage WHERE requester = :user_id;

-- name: list_workspaces_of_person
-- List the workspaces with jobs or documents of a person.
SELECT workspace_id FROM jobs WHERE requester = :user_id
UNION SELECT workspace_id FROM documents WHERE added_by = :user_id
ORDER BY 1;

-- name: delete_personal_deliveries
-- Delete the messages to a person; the bot processes that show them lose their claims.
DELETE FROM deliveries WHERE user_id = :user_id;

-- name: lock_personal_jobs
-- Lock the next jobs of a person in a workspace, with the texts that conversations may repeat.
SELECT id, kind, state IN ('queued', 'running') AS open, payload ->> 'question' AS question, result ->> 'answer' AS answer,
       payload ->> 'sha256' AS sha256
FROM jobs WHERE requester = :user_id AND workspace_id = :workspace_id
ORDER BY id LIMIT :limit FOR UPDATE;

-- name: erase_personal_jobs
-- Remove the person and all texts from jobs, and end the open ones with their leases, so that no worker can write for
-- them any more.
UPDATE jobs
SET requester = '', request_key = NULL, progress_text = '',
    result = CASE WHEN result IS NOT NULL THEN
        '{"deleted": true}'::jsonb || CASE WHEN kind = 'ask' THEN '{"answer": "", "citations": [], "candidates": []}'::jsonb ELSE '{}' END END,
    payload = jsonb_strip_nulls(jsonb_build_object('deleted', true, 'rounds', payload -> 'rounds')),
    error = CASE WHEN error IS NOT NULL THEN 'It was deleted.' END,
    state = CASE WHEN state IN ('queued', 'running') THEN 'cancelled' ELSE state END,
    finished_at = coalesce(finished_at, now()), lease_token = NULL, lease_expires = NULL
WHERE id = ANY (CAST(:job_ids AS bigint[]));

-- name: erase_personal_job_notes
-- Remove the errors of these jobs from their events.
UPDATE job_events SET note = '' WHERE job_id = ANY (CAST(:job_ids AS bigint[])) AND note <> '';

-- name: erase_personal_traces
-- Remove question, answer and person from the traces of these jobs; their costs remain.
UPDATE queries SET requester = '', question = '', searched_as = '', answer = '', fallbacks = '[]', vector = NULL, baseline = NULL
WHERE job_id = ANY (CAST(:job_ids AS bigint[]))
RETURNING id;

-- name: erase_personal_names
-- Remove the person from rows that belong to others.
WITH gaps AS (UPDATE gap_resolutions SET user_id = '' WHERE user_id = :user_id),
     digests AS (UPDATE digests SET user_id = '' WHERE user_id = :user_id),
     costs AS (UPDATE embedding_usage SET requester = NULL WHERE requester = :user_id),
     settings AS (UPDATE workspace_settings SET updated_by = '' WHERE updated_by = :user_id)
UPDATE documents SET added_by = '' WHERE added_by = :user_id;
