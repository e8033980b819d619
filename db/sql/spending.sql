-- Cost of questions, and reservations of running ones. A day is the last 24 hours.

-- name: lock_spending
-- Serialize the reservations of one workspace until the transaction ends.
SELECT pg_advisory_xact_lock(72450005, CAST(:workspace_id AS integer));

-- name: sum_recent_spending
-- Sum the spending of earlier attempts at a question, of one user and of the workspace in the last day, including
-- reservations.
SELECT
    coalesce(sum(usd) FILTER (WHERE job_id = :job_id AND lease_token <> :lease_token), 0) AS question_usd,
    coalesce(sum(usd) FILTER (WHERE requester = :requester), 0) AS user_usd,
    coalesce(sum(usd), 0) AS server_usd
FROM (
    SELECT requester, cost_usd AS usd, NULL::bigint AS job_id, NULL::uuid AS lease_token FROM queries
    WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day'
    UNION ALL
    SELECT requester, usd, job_id, lease_token FROM spending_reservations
    WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day'
) AS spent;

-- name: seconds_until_spending_frees
-- Return the seconds until the given amount has left the window of one day; no row if less was spent in it.
SELECT extract(epoch FROM created_at - (now() - interval '1 day'))::float FROM (
    SELECT created_at, sum(usd) OVER (ORDER BY created_at) AS left_by_then FROM (
        SELECT requester, created_at, cost_usd AS usd FROM queries
        WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day'
        UNION ALL
        SELECT requester, created_at, usd FROM spending_reservations
        WHERE workspace_id = :workspace_id AND created_at > now() - interval '1 day'
    ) AS spent
    WHERE CAST(:everybody AS boolean) OR requester = :requester
) AS leaving
WHERE left_by_then >= CAST(:usd AS numeric) - 0.000001
ORDER BY created_at LIMIT 1;
