-- Quotas, counted in the ledger.

-- name: lock_quota
-- Whoever asks for room under a quota waits here for the others of the workspace; released with the transaction.
SELECT pg_advisory_xact_lock(72450004, hashtext(:kind || ':' || CAST(:workspace_id AS text)));

-- name: count_quota_usage
-- What counts: whatever was asked for in the window and not taken back before it began, and every round before it of a
-- job that was tried again. Null for the requester: everybody's.
SELECT count(*) FROM jobs j
CROSS JOIN LATERAL (
    SELECT j.requested_at AS at WHERE j.state <> 'cancelled' OR j.attempt > 0
    UNION ALL
    SELECT to_timestamp(CAST(r.at AS float)) FROM jsonb_array_elements_text(coalesce(j.payload -> 'rounds', '[]')) AS r (at)
) AS counted
WHERE j.workspace_id = :workspace_id AND j.kind = :kind AND (CAST(:requester AS text) IS NULL OR j.requester = :requester)
  AND j.requested_at > now() - make_interval(secs => :window_s) AND counted.at > now() - make_interval(secs => :window_s);

-- name: seconds_until_quota_frees
-- Seconds until as many of them as needed have left the window.
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
-- A job is about to be tried again: the round that was counts as long as its time does.
UPDATE jobs SET payload = payload || jsonb_build_object('rounds',
    (SELECT coalesce(jsonb_agg(r.at), '[]') FROM jsonb_array_elements(coalesce(payload -> 'rounds', '[]')) AS r (at)
     WHERE CAST(r.at AS float) > extract(epoch FROM now()) - 86400) || to_jsonb(extract(epoch FROM requested_at)))
WHERE id = ANY (:job_ids) AND (state <> 'cancelled' OR attempt > 0);
