-- Gaps: questions that nothing in the library answered, or whose answer got votes against it.

-- name: list_gap_questions
-- List the gaps of the last days, newest first, without those that a manager has dismissed or answered. They return if
-- the document with the answer could not be added. A question without an answer is no gap either after the same
-- question was answered in public. `channel` is the channel whose members read the question. With `only`, this question
-- is returned even if it is no gap any more. Erased questions have no text.
WITH against AS (
    SELECT job_id, count(*) AS votes, coalesce(array_agg(reason ORDER BY reason) FILTER (WHERE reason IS NOT NULL), '{}') AS reasons
    FROM feedback WHERE workspace_id = :workspace_id AND vote < 0 GROUP BY job_id
),
candidates AS MATERIALIZED (
    SELECT q.id, q.job_id, q.question, q.searched_as, q.created_at, q.abstained, q.profile_id, q.vector, q.baseline,
           coalesce(v.votes, 0) AS votes_against, coalesce(v.reasons, '{}') AS reasons
    FROM queries q LEFT JOIN against v ON v.job_id = q.job_id
    WHERE q.workspace_id = :workspace_id AND q.question <> ''
      AND (q.id = CAST(:only AS bigint) OR CAST(:only AS bigint) IS NULL
           AND q.created_at > now() - make_interval(days => :days) AND (q.abstained OR v.job_id IS NOT NULL)
           AND NOT EXISTS (
               SELECT FROM gap_resolutions r LEFT JOIN jobs a ON a.id = r.job_id
               WHERE r.query_id = q.id AND (a.id IS NULL OR a.state NOT IN ('failed', 'dead', 'cancelled'))))
),
-- One pass over the questions of these days; a lookup for each gap would read all of them each time.
answered AS (
    SELECT lower(l.question) AS question, max(l.id) AS last
    FROM queries l LEFT JOIN jobs k ON k.id = l.job_id LEFT JOIN deliveries e ON e.id = k.delivery_id
    WHERE l.workspace_id = :workspace_id AND l.created_at > now() - make_interval(days => :days) AND NOT l.abstained
      AND lower(l.question) IN (SELECT lower(question) FROM candidates WHERE abstained) AND NOT coalesce(e.private, false)
    GROUP BY 1
)
SELECT q.id, coalesce(nullif(q.searched_as, ''), q.question) AS question, q.created_at, q.abstained, coalesce(d.private, false) AS private,
       coalesce(j.payload ->> 'audience', j.payload -> 'channels' ->> -1) AS channel, q.profile_id, q.vector, q.baseline,
       q.votes_against, q.reasons
FROM candidates q
LEFT JOIN jobs j ON j.id = q.job_id
LEFT JOIN deliveries d ON d.id = j.delivery_id
LEFT JOIN answered a ON a.question = lower(q.question)
WHERE CAST(:only AS bigint) IS NOT NULL OR NOT q.abstained OR coalesce(a.last, 0) < q.id
ORDER BY q.id DESC
LIMIT :limit;

-- name: resolve_gaps
-- Record that a manager has dismissed these questions (null `job_id`) or answers them with the document of a job.
INSERT INTO gap_resolutions (query_id, workspace_id, job_id, user_id)
SELECT q.id, q.workspace_id, :job_id, :user_id FROM queries q
WHERE q.id = ANY (CAST(:query_ids AS bigint[])) AND q.workspace_id = :workspace_id
ON CONFLICT (query_id) DO UPDATE SET job_id = excluded.job_id, user_id = excluded.user_id, created_at = now();
