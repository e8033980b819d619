-- What the Discord bot looks up for people: jobs as they see them, their last answer, whose a document is, all settings.

-- name: jobs_listed
-- Jobs of the workspace, newest first: one person's or everybody's, by kind, or with these words in what they are about. The
-- sentence that says why is made for the listed ones only.
WITH listed AS (
    SELECT id FROM jobs
    WHERE (CAST(:requester AS text) IS NULL OR requester = :requester)
      AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:states AS text[]) IS NULL OR state = ANY (CAST(:states AS text[])))
      AND (CAST(:search AS text) = '' OR position(lower(:search) IN lower(coalesce(payload ->> 'question', payload ->> 'name', ''))) > 0
           OR CAST(id AS text) = :search)
    ORDER BY id DESC LIMIT :limit OFFSET :offset
)
SELECT j.id, j.kind, j.state, j.stage, j.payload, j.progress_done, j.progress_total, j.progress_text, j.result, j.error_class, j.error,
       j.cancel_requested, j.attempt, j.max_attempts, j.created_at, j.finished_at, i.why, j.requester, j.delivery_id,
       j.kind = 'ask' AND coalesce(d.private, false) AS private,
       CASE WHEN j.state = 'queued' THEN jobs_ahead(j.queue, j.id) END AS ahead
FROM listed JOIN jobs j ON j.id = listed.id JOIN inspect.jobs i ON i.id = j.id LEFT JOIN deliveries d ON d.id = j.delivery_id
ORDER BY j.id DESC;

-- name: job_listed
-- One job the same way.
SELECT j.id, j.kind, j.state, j.stage, j.payload, j.progress_done, j.progress_total, j.progress_text, j.result, j.error_class, j.error,
       j.cancel_requested, j.attempt, j.max_attempts, j.created_at, j.finished_at, i.why, j.requester, j.delivery_id,
       j.kind = 'ask' AND coalesce(d.private, false) AS private,
       CASE WHEN j.state = 'queued' THEN jobs_ahead(j.queue, j.id) END AS ahead
FROM jobs j JOIN inspect.jobs i ON i.id = j.id LEFT JOIN deliveries d ON d.id = j.delivery_id
WHERE j.id = :id;

-- name: last_answer
-- The last answer that a person got in a channel.
SELECT j.id FROM jobs j JOIN deliveries d ON d.id = j.delivery_id
WHERE j.kind = 'ask' AND j.state = 'succeeded' AND j.requester = :user_id AND d.channel_id = :channel_id
ORDER BY j.id DESC LIMIT 1;

-- name: owner_of_source
-- Whose a document is: who added the one that answers, or whoever is adding it just now.
SELECT coalesce((SELECT added_by FROM documents WHERE source = :source),
                (SELECT requester FROM jobs
                 WHERE workspace_id = :workspace_id AND kind = 'ingest' AND state IN ('queued', 'running') AND payload ->> 'source' = :source
                 ORDER BY id LIMIT 1));

-- name: rescope_job
-- A question is asked again: it reads what the person may see now.
UPDATE jobs SET payload = payload || jsonb_build_object('channels', to_jsonb(CAST(:channels AS text[]))) WHERE id = :id AND kind = 'ask';

-- name: all_settings
-- The settings of every workspace that has any.
SELECT w.key, s.* FROM workspace_settings s JOIN workspaces w ON w.id = s.workspace_id;

-- name: document_beginning
-- What the live version of a document begins with.
SELECT c.text FROM documents d JOIN chunks c ON c.version_id = d.live_version_id WHERE d.id = :id ORDER BY c.ordinal LIMIT 1;
