-- Cost of questions and embedded documents, and reservations of running jobs (the view `spending`). A day is the last 24
-- hours.

-- name: lock_spending
-- Serialize the reservations of one workspace until the transaction ends.
SELECT pg_advisory_xact_lock(72450005, CAST(:workspace_id AS integer));

-- name: sum_recent_spending
-- Sum the spending of earlier attempts at a question, of one user and of the workspace in the last day, including
-- reservations.
SELECT
    coalesce(sum(reserved_usd) FILTER (WHERE job_id = :job_id AND lease_token <> :lease_token), 0) AS question_usd,
    coalesce(sum(cost_usd + reserved_usd) FILTER (WHERE requester = :requester), 0) AS user_usd,
    coalesce(sum(cost_usd + reserved_usd), 0) AS server_usd
FROM spending WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day';

-- name: seconds_until_spending_frees
-- Return the seconds until the given amount has left the window of one day; no row if less was spent in it.
SELECT extract(epoch FROM created_at - (now() - interval '1 day'))::float FROM (
    SELECT created_at, sum(cost_usd + reserved_usd) OVER (ORDER BY created_at) AS left_by_then FROM spending
    WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day'
      AND (CAST(:everybody AS boolean) OR requester = :requester)
) AS leaving
WHERE left_by_then >= CAST(:usd AS numeric) - 0.000000001
ORDER BY created_at LIMIT 1;

-- name: insert_embedding_usage
-- Record the usage of a batch. Only the live profile's is charged to the users who added the documents. A version may
-- have been deleted while its chunks were embedded.
INSERT INTO embedding_usage (workspace_id, profile_id, job_id, requester, tokens, cost_usd)
SELECT u.workspace_id, p.id, v.job_id, CASE WHEN p.state = 'live' THEN coalesce(j.requester, '') END, u.tokens, u.usd
FROM unnest(CAST(:workspace_ids AS integer[]), CAST(:version_ids AS integer[]), CAST(:tokens AS bigint[]), CAST(:usd AS numeric[]))
     AS u(workspace_id, version_id, tokens, usd)
JOIN embedding_profiles p ON p.id = :profile_id
LEFT JOIN document_versions v ON v.id = u.version_id LEFT JOIN jobs j ON j.id = v.job_id;

-- name: read_job_cost
-- Sum the tokens and cost of a job: a question's, or a document's with all its profiles.
SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cost_usd), 0)::float AS cost_usd FROM (
    SELECT prompt_tokens + completion_tokens AS tokens, cost_usd FROM queries WHERE job_id = :job_id
    UNION ALL
    SELECT tokens, cost_usd FROM embedding_usage WHERE job_id = :job_id
) AS used;
