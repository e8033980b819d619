-- What belongs to a workspace as a whole: votes on answers, settings, quotas.

-- name: keep_vote
-- One vote of each person on each answer of this workspace; the same vote again changes nothing. No row: no such answer.
INSERT INTO feedback (workspace_id, job_id, user_id, vote)
SELECT j.workspace_id, j.id, :user_id, :vote FROM jobs j
WHERE j.id = :job_id AND j.workspace_id = :workspace_id AND j.kind = 'ask' AND j.state = 'succeeded'
ON CONFLICT (job_id, user_id) DO UPDATE
SET vote = excluded.vote, updated_at = CASE WHEN feedback.vote = excluded.vote THEN feedback.updated_at ELSE now() END
RETURNING vote;

-- name: take_back_vote
-- No vote of this person any more.
DELETE FROM feedback WHERE job_id = :job_id AND user_id = :user_id AND workspace_id = :workspace_id;

-- name: count_votes
-- How many found an answer helpful, and how many did not.
SELECT count(*) FILTER (WHERE vote > 0) AS up, count(*) FILTER (WHERE vote < 0) AS down FROM feedback WHERE job_id = :job_id;

-- name: vote_of
-- One person's vote.
SELECT vote FROM feedback WHERE job_id = :job_id AND user_id = :user_id;

-- name: lock_quota
-- Whoever asks for room under a quota waits here for the others of the workspace; released with the transaction.
SELECT pg_advisory_xact_lock(72450004, hashtext(:kind || ':' || CAST(:workspace_id AS text)));

-- name: count_toward_quota
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

-- name: quota_frees
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

-- name: note_round
-- A job is about to be tried again: the round that was counts as long as its time does.
UPDATE jobs SET payload = payload || jsonb_build_object('rounds',
    (SELECT coalesce(jsonb_agg(r.at), '[]') FROM jsonb_array_elements(coalesce(payload -> 'rounds', '[]')) AS r (at)
     WHERE CAST(r.at AS float) > extract(epoch FROM now()) - 86400) || to_jsonb(extract(epoch FROM requested_at)))
WHERE id = ANY (:job_ids) AND (state <> 'cancelled' OR attempt > 0);

-- name: asked_questions
-- What people asked and got an answer to, newest first: the question as it was searched, the votes on the answer (for it minus
-- against it), and the documents that the answer cites, of those that still answer.
SELECT q.id, coalesce(nullif(q.searched_as, ''), q.question) AS question, coalesce(v.votes, 0) AS votes,
       ARRAY(SELECT DISTINCT k.document_id FROM query_candidates k JOIN documents d ON d.id = k.document_id
             WHERE k.query_id = q.id AND k.citation IS NOT NULL AND d.live_version_id IS NOT NULL ORDER BY 1) AS cited
FROM queries q
LEFT JOIN LATERAL (SELECT sum(f.vote) AS votes FROM feedback f WHERE f.job_id = q.job_id) AS v ON true
WHERE q.workspace_id = :workspace_id AND NOT q.abstained
  AND (CAST(:days AS float) = 0 OR q.created_at > now() - CAST(:days AS float) * interval '1 day')
ORDER BY q.id DESC
LIMIT :limit;

-- name: channels_of_documents
-- Every channel that some document is for: whoever reads all of them sees every document.
SELECT DISTINCT unnest(channels) AS channel FROM documents WHERE workspace_id = :workspace_id AND channels IS NOT NULL ORDER BY 1;
