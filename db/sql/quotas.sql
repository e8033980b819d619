-- Quotas, counted in the ledger.

-- name: lock_quota
-- Serialize the requests under a quota of one workspace until the transaction ends.
SELECT pg_advisory_xact_lock(72450004, hashtext(:kind || ':' || CAST(:workspace_id AS text)));

-- name: count_quota_usage
-- Count the requests in the window: every job that was not cancelled before it started, and every earlier round of a
-- job that was retried. A null requester counts all users.
SELECT count(*) FROM jobs j
CROSS JOIN LATERAL (
    SELECT j.requested_at AS at WHERE j.state <> 'cancelled' OR j.attempt > 0
    UNION ALL
    SELECT to_timestamp(CAST(r.at AS float)) FROM jsonb_array_elements_text(coalesce(j.payload -> 'rounds', '[]')) AS r (at)
) AS counted
WHERE j.workspace_id = :workspace_id AND j.kind = :kind AND (CAST(:requester AS text) IS NULL OR j.requester = :requester)
  AND j.requested_at > now() - make_interval(secs => :window_s) AND counted.at > now() - make_interval(secs => :window_s);

-- name: seconds_until_quota_frees
-- Return the seconds until the needed number of requests has left the window.
SELECT extract(epoch FROM counted.at - (now() - make_interval(secs => :window_s)))::float FROM jobs j
CROSS JOIN LATERAL (
    SELECT j.requested_at AS at WHERE j.state <> 'cancelled' OR j.attempt > 0
    UNION ALL
    SELECT to_timestamp(CAST(r.at AS float)) FROM jsonb_array_elements_text(coalesce(j.payload -> 'rounds', '[]')) AS r (at)
) AS counted
WHERE j.workspace_id = :workspace_id AND j.kind = :kind AND (CAST(:requester AS text) IS NULL OR j.requester = :requester)
  AND j.requested_at > now() - make_interval(secs => :window_s) AND counted.at > now() - make_interval(secs => :window_s)
ORDER BY counted.at
OFFSET :needed - 1 LIMIT 1;

-- name: record_quota_round
-- Record the request time of jobs that are about to be retried, so that the earlier round still counts for a day.
UPDATE jobs SET payload = payload || jsonb_build_object('rounds',
    (SELECT coalesce(jsonb_agg(r.at), '[]') FROM jsonb_array_elements(coalesce(payload -> 'rounds', '[]')) AS r (at)
     WHERE CAST(r.at AS float) > extract(epoch FROM now()) - 86400) || to_jsonb(extract(epoch FROM requested_at)))
WHERE id = ANY (:job_ids) AND (state <> 'cancelled' OR attempt > 0);
