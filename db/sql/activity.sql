-- What happened in a workspace: questions, votes, new documents and spending.

-- name: summarize_activity
-- Summarize the last days, one row for each number of days. Documents that were deleted again do not count. Reservations
-- of running jobs are no costs yet.
SELECT w.days, q.questions, q.unanswered, v.votes_for, v.votes_against, v.reasons, d.documents,
       s.tokens, s.questions_usd, s.documents_usd
FROM (SELECT days, now() - make_interval(days => days) AS start FROM unnest(CAST(:days AS integer[])) AS days) w
CROSS JOIN LATERAL (
    SELECT count(*) AS questions, count(*) FILTER (WHERE abstained) AS unanswered FROM queries
    WHERE workspace_id = :workspace_id AND created_at > w.start) q
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE vote > 0) AS votes_for, count(*) FILTER (WHERE vote < 0) AS votes_against,
           coalesce(array_agg(reason) FILTER (WHERE reason IS NOT NULL), '{}') AS reasons
    FROM feedback WHERE workspace_id = :workspace_id AND updated_at > w.start) v
CROSS JOIN LATERAL (
    SELECT count(*) AS documents FROM documents
    WHERE workspace_id = :workspace_id AND created_at > w.start AND live_version_id IS NOT NULL) d
CROSS JOIN LATERAL (
    SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cost_usd) FILTER (WHERE questions > 0), 0)::float AS questions_usd,
           coalesce(sum(cost_usd) FILTER (WHERE questions = 0), 0)::float AS documents_usd
    FROM spending WHERE workspace_id = :workspace_id AND created_at > w.start) s
ORDER BY w.days;
