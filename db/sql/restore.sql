-- Restoring a backup: what is deleted before, and what is corrected afterwards.

-- name: drop_store
-- Drop everything that migrations have created, and nothing that belongs to an extension. psql runs it in the
-- transaction that restores the backup.
DO $$
DECLARE drops text[]; statement text;
BEGIN
    SET LOCAL lock_timeout = '60s';
    DROP SCHEMA IF EXISTS inspect CASCADE;
    SELECT array_agg(s.statement) INTO drops FROM (
        SELECT format('DROP %s IF EXISTS public.%I CASCADE', CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.relname) AS statement
        FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
        UNION ALL
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', p.oid::regprocedure)
        FROM pg_proc p
        WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
    ) AS s;
    FOREACH statement IN ARRAY coalesce(drops, '{}') LOOP
        EXECUTE statement;
    END LOOP;
END $$;

-- name: count_stored_rows
-- Count the documents and jobs of all workspaces.
SELECT (SELECT count(*) FROM documents) AS documents, (SELECT count(*) FROM jobs) AS jobs;

-- name: count_running_workers
-- Count the running workers.
SELECT count(*) FROM workers WHERE last_seen > now() - interval '30 seconds';

-- name: release_restored_jobs
-- Queue the jobs again whose workers ran when the backup was made; the interrupted attempts do not count. No job of
-- the backup is in the queue of this Redis.
UPDATE jobs
SET state = CASE WHEN state = 'queued' OR (stage = 'embed' AND lease_token IS NULL) THEN state WHEN cancel_requested THEN 'cancelled' ELSE 'queued' END,
    finished_at = CASE WHEN lease_token IS NOT NULL AND cancel_requested THEN now() END,
    attempt = CASE WHEN lease_token IS NOT NULL THEN attempt - 1 ELSE attempt END,
    published_at = NULL, lease_token = NULL, lease_expires = NULL
WHERE state IN ('queued', 'running');

-- name: release_restored_chunks
-- Release the claims of workers that ran when the backup was made.
UPDATE embedding_queue SET claim_token = NULL, claim_owner = NULL, claim_expires = NULL WHERE claim_token IS NOT NULL;

-- name: release_restored_deliveries
-- Release the claims of bot processes that ran when the backup was made.
UPDATE deliveries SET claim_owner = NULL, claim_token = NULL, claim_expires = NULL WHERE claim_token IS NOT NULL;

-- name: release_restored_digests
-- Release the claims of digests, for the same reason.
UPDATE digests SET claim_token = NULL, claimed_at = NULL WHERE claim_token IS NOT NULL;
