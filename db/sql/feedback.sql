-- Votes on answers.

-- name: store_vote
-- Store the vote of a user on an answer of this workspace; an equal vote changes nothing, another one deletes the reason.
-- Returns no row if there is no such answer.
INSERT INTO feedback (workspace_id, job_id, user_id, vote)
SELECT j.workspace_id, j.id, :user_id, :vote FROM jobs j
WHERE j.id = :job_id AND j.workspace_id = :workspace_id AND j.kind = 'ask' AND j.state = 'succeeded'
ON CONFLICT (job_id, user_id) DO UPDATE
SET vote = excluded.vote, reason = CASE WHEN feedback.vote = excluded.vote THEN feedback.reason END,
    updated_at = CASE WHEN feedback.vote = excluded.vote THEN feedback.updated_at ELSE now() END
RETURNING vote;

-- name: store_vote_reason
-- Store the reason for a vote against an answer. Returns no row if the user has not voted against it.
UPDATE feedback SET reason = :reason, updated_at = now() WHERE job_id = :job_id AND user_id = :user_id AND vote < 0 RETURNING reason;

-- name: count_votes
-- Count the positive and the negative votes on an answer.
SELECT count(*) FILTER (WHERE vote > 0) AS up, count(*) FILTER (WHERE vote < 0) AS down FROM feedback WHERE job_id = :job_id;

-- name: list_answered_questions
-- List answered questions, newest first: the question as it was searched, the sum of the votes on its answer, and the
-- cited documents that are still live. Erased questions have no text.
SELECT q.id, coalesce(nullif(q.searched_as, ''), q.question) AS question, coalesce(v.votes, 0) AS votes,
       ARRAY(SELECT DISTINCT k.document_id FROM query_candidates k JOIN documents d ON d.id = k.document_id
             WHERE k.query_id = q.id AND k.citation IS NOT NULL AND d.live_version_id IS NOT NULL ORDER BY 1) AS cited
FROM queries q
LEFT JOIN LATERAL (SELECT sum(f.vote) AS votes FROM feedback f WHERE f.job_id = q.job_id) AS v ON true
WHERE q.workspace_id = :workspace_id AND NOT q.abstained AND q.question <> ''
  AND (CAST(:days AS float) = 0 OR q.created_at > now() - CAST(:days AS float) * interval '1 day')
ORDER BY q.id DESC
LIMIT :limit;
