-- The invariants of a store: each statement lists the rows that break one. All run in one read-only snapshot.
-- Columns: `id` (of the kind of row that db/verify.py names), `workspace_id`, and `detail`. `grace_s` is the time that
-- running processes need to end an intermediate state; younger ones are not listed.

-- name: verify_job_states
-- Every job has what its state requires: a lease while it runs, a result or a reason when it has ended.
SELECT j.id, j.workspace_id, format('%s, %s', j.state, p.problem) AS detail
FROM jobs j CROSS JOIN LATERAL (SELECT CASE
    WHEN j.state IN ('queued', 'running') AND j.finished_at IS NOT NULL THEN 'but has an end time'
    WHEN j.state NOT IN ('queued', 'running') AND j.finished_at IS NULL THEN 'but has no end time'
    WHEN j.state <> 'running' AND j.lease_token IS NOT NULL THEN 'but has a lease'
    WHEN j.state = 'running' AND j.stage <> 'embed' AND j.lease_token IS NULL THEN 'but has no lease'
    WHEN j.state IN ('failed', 'dead') AND (coalesce(j.error, '') = '' OR coalesce(j.error_class, '') = '') THEN 'but has no reason'
    WHEN j.state = 'succeeded' AND j.result IS NULL THEN 'but has no result'
    WHEN j.attempt NOT BETWEEN 0 AND j.max_attempts THEN format('but at attempt %s of %s', j.attempt, j.max_attempts)
END) AS p(problem)
WHERE p.problem IS NOT NULL;

-- name: verify_job_reasons
-- The column `why` of `inspect.jobs` agrees with the state of the job (of queued jobs, the first 1,000).
SELECT j.id, j.workspace_id, format('%s, but why is: %s', j.state, coalesce(v.why, 'nothing')) AS detail
FROM inspect.jobs v JOIN jobs j ON j.id = v.id
WHERE (j.state <> 'queued' OR j.id IN (SELECT q.id FROM jobs q WHERE q.state = 'queued' ORDER BY q.id LIMIT 1000))
  AND substring(v.why FROM '^(Done at|Failed with|Dead after|Cancelled at)') IS DISTINCT FROM
      CASE j.state WHEN 'succeeded' THEN 'Done at' WHEN 'failed' THEN 'Failed with' WHEN 'dead' THEN 'Dead after'
                   WHEN 'cancelled' THEN 'Cancelled at' END
   OR v.why IS NULL;

-- name: verify_job_events
-- The last event of a job has the job's state.
SELECT j.id, j.workspace_id, format('%s, but its last event is %s', j.state, coalesce(e.state, 'missing')) AS detail
FROM jobs j LEFT JOIN LATERAL (SELECT state FROM job_events e WHERE e.job_id = j.id ORDER BY e.id DESC LIMIT 1) e ON true
WHERE e.state IS DISTINCT FROM j.state;

-- name: verify_fencing
-- No worker changed a job after it had lost the lease.
-- In the events of a job, the fencing token of a worker follows only the same token, or the job is being claimed.
SELECT e.job_id AS id, e.workspace_id, format('changed to %s by a worker that had lost its lease, at %s', concat_ws(', ', e.state, nullif(e.stage, '')), e.at) AS detail
FROM (SELECT e.*, lag(e.writer_token) OVER w AS token_before, lag(e.state) OVER w AS state_before
      FROM job_events e WINDOW w AS (PARTITION BY e.job_id ORDER BY e.id)) AS e
WHERE e.writer_token IS NOT NULL AND e.writer_token IS DISTINCT FROM e.token_before
  AND e.state_before IS NOT NULL AND (e.state_before, e.state) <> ('queued', 'running');

-- name: verify_results
-- Every answered question has one trace, with the answer of the job, and no other question has one.
SELECT j.id, j.workspace_id,
       CASE WHEN q.id IS NULL THEN 'answered, but has no trace' WHEN j.state <> 'succeeded' THEN format('%s, but has a trace', j.state)
            ELSE 'result and trace have different answers' END AS detail
FROM jobs j LEFT JOIN queries q ON q.job_id = j.id
WHERE j.kind = 'ask' AND ((j.state = 'succeeded') <> (q.id IS NOT NULL)
                          OR (j.state = 'succeeded' AND j.result ->> 'answer' IS DISTINCT FROM q.answer));

-- name: verify_expired_leases
-- No lease has expired without the sweeper ending it, although a worker is running.
SELECT j.id, j.workspace_id, format('lease of %s expired at %s', j.lease_owner, j.lease_expires) AS detail
FROM jobs j
WHERE j.state = 'running' AND j.lease_expires < now() - make_interval(secs => :grace_s)
  AND pg_postmaster_start_time() < now() - make_interval(secs => :grace_s)
  AND EXISTS (SELECT FROM workers w WHERE w.started_at < now() - make_interval(secs => :grace_s) AND w.last_seen > now() - interval '30 seconds');

-- name: verify_lease_owners
-- Every lease belongs to a worker that sends heartbeats.
SELECT j.id, j.workspace_id,
       format('lease of %s, %s', j.lease_owner, coalesce('whose last heartbeat was at ' || w.last_seen, 'which is not in `workers`')) AS detail
FROM jobs j LEFT JOIN workers w ON w.id = j.lease_owner
WHERE j.lease_expires > now() AND j.lease_since < now() - make_interval(secs => :grace_s)
  AND pg_postmaster_start_time() < now() - make_interval(secs => :grace_s)
  AND coalesce(w.last_seen < now() - make_interval(secs => :grace_s), true);

-- name: verify_chunk_claims
-- Every claim of chunks belongs to a worker that sends heartbeats, and an expired one is claimed by another worker.
SELECT q.chunk_id AS id, q.workspace_id,
       CASE WHEN q.claim_expires < now() THEN format('claim of %s expired at %s', q.claim_owner, q.claim_expires)
            ELSE format('claim of %s, %s', q.claim_owner, coalesce('whose last heartbeat was at ' || w.last_seen, 'which is not in `workers`')) END AS detail
FROM embedding_queue q JOIN embedding_profiles p ON p.id = q.profile_id AND p.state = 'live' LEFT JOIN workers w ON w.id = q.claim_owner
WHERE q.queued_at < now() - make_interval(secs => :grace_s) AND pg_postmaster_start_time() < now() - make_interval(secs => :grace_s)
  AND (q.claim_expires < now() - make_interval(secs => :grace_s)
       AND EXISTS (SELECT FROM workers o WHERE 'ingest' = ANY (o.queues) AND o.started_at < now() - make_interval(secs => :grace_s)
                   AND o.last_seen > now() - interval '30 seconds')
       OR q.claim_expires > now() AND coalesce(w.last_seen < now() - make_interval(secs => :grace_s), true));

-- name: verify_waiting_documents
-- Every job that waits for vectors has chunks in the embedding queue.
SELECT j.id, j.workspace_id, 'waits for vectors, but none of its chunks is queued' AS detail
FROM jobs j
WHERE j.state = 'running' AND j.stage = 'embed' AND j.lease_token IS NULL
  AND (SELECT max(e.at) FROM job_events e WHERE e.job_id = j.id) < now() - make_interval(secs => :grace_s)
  AND EXISTS (SELECT FROM workers w WHERE w.started_at < now() - make_interval(secs => :grace_s) AND w.last_seen > now() - interval '30 seconds')
  AND NOT EXISTS (SELECT FROM document_versions v JOIN embedding_queue q ON q.version_id = v.id
                  JOIN embedding_profiles p ON p.id = q.profile_id AND p.state = 'live' WHERE v.job_id = j.id);

-- name: verify_documents
-- Every document has a live version, or an open job that builds one.
SELECT d.id, d.workspace_id, 'has no live version and no open job' AS detail
FROM documents d
WHERE d.live_version_id IS NULL
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = d.workspace_id AND j.kind = 'ingest' AND j.state IN ('queued', 'running')
                  AND j.payload ->> 'source' = d.source);

-- name: verify_versions
-- Every version is live or built by an open job, which builds no other one.
SELECT v.id, v.workspace_id,
       CASE WHEN v.of_job > 1 THEN format('one of %s versions of job %s', v.of_job, v.job_id) ELSE 'neither live nor built by an open job' END AS detail
FROM (SELECT v.*, count(*) OVER (PARTITION BY v.job_id) * (v.job_id IS NOT NULL)::integer AS of_job FROM document_versions v) v
LEFT JOIN documents d ON d.live_version_id = v.id
LEFT JOIN jobs j ON j.id = v.job_id AND j.state IN ('queued', 'running')
WHERE d.id IS NULL AND (j.id IS NULL OR v.of_job > 1);

-- name: verify_live_versions
-- Documents and versions agree about which version is live, about its size and about its scope.
SELECT d.id, d.workspace_id, 'does not agree with its live version' AS detail
FROM documents d LEFT JOIN document_versions v ON v.id = d.live_version_id LEFT JOIN scopes s ON s.id = d.scope_id
WHERE d.live_version_id IS NOT NULL AND v.document_id IS DISTINCT FROM d.id
   OR (d.live_chunks, d.live_terms, d.scope_id) IS DISTINCT FROM (v.chunks, v.terms, v.scope_id)
   OR (d.scope_id IS NOT NULL AND (s.workspace_id <> d.workspace_id OR s.channels IS DISTINCT FROM
       CASE WHEN d.channels IS NOT NULL THEN ARRAY(SELECT DISTINCT c FROM unnest(d.channels) AS c ORDER BY c) END))
   OR EXISTS (SELECT FROM document_versions o WHERE o.document_id = d.id AND o.scope_id IS NOT NULL AND o.id IS DISTINCT FROM d.live_version_id);

-- name: verify_chunks
-- Every version has all its chunks, numbered without gaps, each with its terms, unless an open job replaces it.
SELECT v.id, v.workspace_id,
       format('%s of %s chunks, terms of %s chunks, %s of %s terms', coalesce(c.chunks, 0), v.chunks, coalesce(t.chunks, 0), coalesce(t.terms, 0), v.terms) AS detail
FROM document_versions v
LEFT JOIN (SELECT version_id, count(*) AS chunks, min(ordinal) AS first, max(ordinal) AS last FROM chunks GROUP BY version_id) c ON c.version_id = v.id
LEFT JOIN (SELECT t.version_id, count(c.id) AS chunks, sum(t.length) AS terms, bool_or(t.length = 65535) AS is_capped
           FROM chunk_terms t LEFT JOIN chunks c ON c.id = t.chunk_id AND c.version_id = t.version_id GROUP BY t.version_id) t ON t.version_id = v.id
WHERE (v.chunks <> coalesce(c.chunks, 0) OR v.chunks <> coalesce(t.chunks, 0) OR (v.chunks > 0 AND (c.first <> 0 OR c.last <> v.chunks - 1))
       OR (v.terms <> coalesce(t.terms, 0) AND NOT coalesce(t.is_capped, false)))
  AND NOT EXISTS (SELECT FROM documents d JOIN jobs j ON j.workspace_id = d.workspace_id AND j.payload ->> 'source' = d.source
                  WHERE d.id = v.document_id AND j.kind = 'ingest' AND j.state IN ('queued', 'running') AND j.id IS DISTINCT FROM v.job_id);

-- name: verify_chunk_terms
-- No terms belong to a chunk that does not exist or to another version than the chunk.
SELECT t.chunk_id AS id, t.workspace_id, CASE WHEN c.id IS NULL THEN 'terms of a chunk that does not exist' ELSE 'terms with the version of another chunk' END AS detail
FROM chunk_terms t LEFT JOIN chunks c ON c.id = t.chunk_id
WHERE c.id IS NULL OR c.version_id <> t.version_id;

-- name: verify_vectors
-- Every vector has the version, the workspace and the scope of its chunk.
SELECT e.chunk_id AS id, c.workspace_id,
       CASE WHEN v.id IS NULL THEN 'vector of a chunk that does not exist' ELSE format('vector of profile %s with another version, workspace or scope', e.profile_id) END AS detail
FROM embeddings e LEFT JOIN chunks c ON c.id = e.chunk_id LEFT JOIN document_versions v ON v.id = c.version_id
WHERE v.id IS NULL OR (e.version_id, e.workspace_id) <> (v.id, c.workspace_id) OR e.scope_id IS DISTINCT FROM v.scope_id;

-- name: verify_missing_vectors
-- Every chunk has a vector, or a place in the embedding queue, for each profile that is kept complete.
SELECT c.id, c.workspace_id, format('no vector of profile %s, and not queued', p.id) AS detail
FROM chunks c CROSS JOIN embedding_profiles p
WHERE p.state IN ('live', 'building', 'retired')
  AND NOT EXISTS (SELECT FROM embeddings e WHERE e.profile_id = p.id AND e.chunk_id = c.id)
  AND NOT EXISTS (SELECT FROM embedding_queue q WHERE q.profile_id = p.id AND q.chunk_id = c.id);

-- name: verify_embedding_queue
-- No chunk with a vector is queued for the same profile, and every queued one has the version of its chunk.
SELECT q.chunk_id AS id, q.workspace_id, format('queued for profile %s, %s', q.profile_id,
       CASE WHEN e.chunk_id IS NULL THEN 'with another version or workspace' ELSE 'but has a vector' END) AS detail
FROM embedding_queue q JOIN chunks c ON c.id = q.chunk_id LEFT JOIN embeddings e ON e.profile_id = q.profile_id AND e.chunk_id = q.chunk_id
WHERE e.chunk_id IS NOT NULL OR (q.version_id, q.workspace_id) <> (c.version_id, c.workspace_id);

-- name: verify_keyword_statistics
-- The keyword index counts the chunks and terms that are visible in each scope.
SELECT coalesce(i.scope_id, v.scope_id) AS id, coalesce(i.workspace_id, v.workspace_id) AS workspace_id,
       format('%s chunks with %s terms, but %s with %s are visible', coalesce(i.chunks, 0), coalesce(i.terms, 0), coalesce(v.chunks, 0), coalesce(v.terms, 0)) AS detail
FROM (
    SELECT workspace_id, scope_id, sum(chunks) AS chunks, sum(terms) AS terms FROM (
        SELECT s.workspace_id, u.scope_id, u.chunks, u.terms
        FROM keyword_segments s CROSS JOIN LATERAL unnest(s.scope_ids, s.scope_chunks, s.scope_terms) AS u(scope_id, chunks, terms)
        UNION ALL
        SELECT workspace_id, scope_id, change, change * length FROM keyword_changes
    ) AS counted GROUP BY workspace_id, scope_id
) AS i
FULL JOIN (
    SELECT t.workspace_id, v.scope_id, count(*) AS chunks, sum(t.length) AS terms
    FROM chunk_terms t JOIN document_versions v ON v.id = t.version_id WHERE v.scope_id IS NOT NULL GROUP BY t.workspace_id, v.scope_id
) AS v ON (v.workspace_id, v.scope_id) = (i.workspace_id, i.scope_id)
WHERE (coalesce(i.chunks, 0), coalesce(i.terms, 0)) <> (coalesce(v.chunks, 0), coalesce(v.terms, 0));

-- name: verify_blobs
-- The original bytes of every live version and of every open upload are stored.
SELECT v.document_id AS id, v.workspace_id, 'the original bytes of the live version are missing' AS detail
FROM documents d JOIN document_versions v ON v.id = d.live_version_id
WHERE NOT EXISTS (SELECT FROM blobs b WHERE b.workspace_id = v.workspace_id AND b.sha256 = v.sha256)
UNION ALL
SELECT j.id, j.workspace_id, format('the original bytes of open job %s are missing', j.id)
FROM jobs j
WHERE j.kind = 'ingest' AND j.state IN ('queued', 'running') AND j.payload ->> 'sha256' IS NOT NULL
  AND NOT EXISTS (SELECT FROM blobs b WHERE b.workspace_id = j.workspace_id AND b.sha256 = decode(j.payload ->> 'sha256', 'hex'));

-- name: verify_blob_contents
-- The original bytes have the hash that they are stored under.
SELECT 0 AS id, b.workspace_id, format('bytes stored as %s have another hash', left(encode(b.sha256, 'hex'), 12)) AS detail
FROM blobs b WHERE sha256(b.content) <> b.sha256;

-- name: verify_orphan_blobs
-- No original bytes remain that nothing has needed for eight days.
SELECT 0 AS id, b.workspace_id, format('bytes %s are not needed', left(encode(b.sha256, 'hex'), 12)) AS detail
FROM blobs b
WHERE b.created_at < now() - interval '8 days'
  AND NOT EXISTS (SELECT FROM document_versions v WHERE v.workspace_id = b.workspace_id AND v.sha256 = b.sha256)
  AND NOT EXISTS (SELECT FROM jobs j WHERE j.workspace_id = b.workspace_id AND j.payload ->> 'sha256' = encode(b.sha256, 'hex')
                  AND (j.state IN ('queued', 'running') OR j.finished_at > now() - interval '8 days'))
  AND EXISTS (SELECT FROM workers w WHERE w.started_at < now() - interval '1 day' AND w.last_seen > now() - interval '30 seconds');

-- name: verify_deliveries
-- A delivered message shows jobs that have ended, and they are marked as delivered.
SELECT d.id, d.workspace_id,
       CASE WHEN j.state IN ('queued', 'running') THEN format('delivered, but job %s is %s', j.id, j.state)
            ELSE format('delivered, but job %s is not marked as delivered', j.id) END AS detail
FROM deliveries d JOIN jobs j ON j.delivery_id = d.id
WHERE d.state = 'delivered' AND (j.state IN ('queued', 'running') OR j.delivered_at IS NULL);

-- name: verify_orphan_deliveries
-- No open delivery is without jobs.
SELECT d.id, d.workspace_id, 'open, but has no jobs' AS detail
FROM deliveries d
WHERE d.state = 'open' AND d.created_at < now() - make_interval(secs => :grace_s) AND NOT EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id);

-- name: verify_messages
-- Every message of a channel belongs to one delivery.
SELECT min(d.id) AS id, d.workspace_id, format('message %s belongs to %s deliveries', d.message_id, count(*)) AS detail
FROM deliveries d WHERE d.message_id IS NOT NULL GROUP BY d.workspace_id, d.application_id, d.channel_id, d.message_id HAVING count(*) > 1;

-- name: verify_delivery_claims
-- No claim of a delivery has expired without another bot process claiming it, although one is running.
SELECT d.id, d.workspace_id, format('claim of %s expired at %s', d.claim_owner, d.claim_expires) AS detail
FROM deliveries d
WHERE d.state = 'open' AND d.due_at <= now() AND d.claim_expires < now() - make_interval(secs => :grace_s)
  AND EXISTS (SELECT FROM deliveries o WHERE o.application_id = d.application_id AND o.claim_expires > now());

-- name: verify_spending
-- The spending of a workspace is the sum of its recorded costs, none of them negative.
SELECT w.id, w.id AS workspace_id, format('spending is %s US dollars, recorded are %s', s.usd, r.usd) AS detail
FROM workspaces w
CROSS JOIN LATERAL (SELECT coalesce(sum(v.cost_usd), 0) AS usd FROM spending v WHERE v.workspace_id = w.id) s
CROSS JOIN LATERAL (SELECT coalesce(sum(u.usd), 0) AS usd, coalesce(min(u.usd), 0) AS lowest FROM (
    SELECT q.cost_usd AS usd FROM queries q WHERE q.workspace_id = w.id
    UNION ALL SELECT e.cost_usd FROM embedding_usage e WHERE e.workspace_id = w.id AND e.requester IS NOT NULL) AS u) r
WHERE s.usd <> r.usd OR r.lowest < 0;

-- name: verify_workspaces
-- No row belongs to another workspace than the row it depends on.
SELECT r.id, r.workspace_id, format('row of %s in another workspace than its %s', r.child, r.parent) AS detail
FROM (
    SELECT 'jobs' AS child, 'delivery' AS parent, j.id, j.workspace_id, d.workspace_id AS expected FROM jobs j JOIN deliveries d ON d.id = j.delivery_id
    UNION ALL SELECT 'job_events', 'job', e.id, e.workspace_id, j.workspace_id FROM job_events e JOIN jobs j ON j.id = e.job_id
    UNION ALL SELECT 'queries', 'job', q.id, q.workspace_id, j.workspace_id FROM queries q JOIN jobs j ON j.id = q.job_id
    UNION ALL SELECT 'query_candidates', 'query', c.query_id, c.workspace_id, q.workspace_id FROM query_candidates c JOIN queries q ON q.id = c.query_id
    UNION ALL SELECT 'feedback', 'job', f.job_id, f.workspace_id, j.workspace_id FROM feedback f JOIN jobs j ON j.id = f.job_id
    UNION ALL SELECT 'gap_resolutions', 'query', g.query_id, g.workspace_id, q.workspace_id FROM gap_resolutions g JOIN queries q ON q.id = g.query_id
    UNION ALL SELECT 'helper_requests', 'job', h.job_id, h.workspace_id, j.workspace_id FROM helper_requests h JOIN jobs j ON j.id = h.job_id
    UNION ALL SELECT 'quarantine', 'job', k.job_id, k.workspace_id, j.workspace_id FROM quarantine k JOIN jobs j ON j.id = k.job_id
    UNION ALL SELECT 'spending_reservations', 'job', s.id, s.workspace_id, j.workspace_id FROM spending_reservations s JOIN jobs j ON j.id = s.job_id
    UNION ALL SELECT 'embedding_usage', 'job', u.id, u.workspace_id, j.workspace_id FROM embedding_usage u JOIN jobs j ON j.id = u.job_id
    UNION ALL SELECT 'document_versions', 'document', v.id, v.workspace_id, d.workspace_id FROM document_versions v JOIN documents d ON d.id = v.document_id
    UNION ALL SELECT 'document_versions', 'job', v.id, v.workspace_id, j.workspace_id FROM document_versions v JOIN jobs j ON j.id = v.job_id
    UNION ALL SELECT 'chunks', 'version', c.id, c.workspace_id, v.workspace_id FROM chunks c JOIN document_versions v ON v.id = c.version_id
    UNION ALL SELECT 'chunk_terms', 'chunk', t.chunk_id, t.workspace_id, c.workspace_id FROM chunk_terms t JOIN chunks c ON c.id = t.chunk_id
    UNION ALL SELECT 'keyword_changes', 'scope', k.chunk_id, k.workspace_id, s.workspace_id FROM keyword_changes k JOIN scopes s ON s.id = k.scope_id
    UNION ALL SELECT 'keyword_blocks', 'segment', b.segment_id, b.workspace_id, s.workspace_id FROM keyword_blocks b JOIN keyword_segments s ON s.id = b.segment_id
) AS r
WHERE r.workspace_id <> r.expected;
