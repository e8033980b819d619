-- Weekly digests: one bot process claims a digest that is due, posts it and sets the time of the next one.

-- name: set_digest
-- Turn on the digest, or move it to another channel; the next one is due in a week.
INSERT INTO digests (workspace_id, application_id, channel_id, user_id, locale)
VALUES (:workspace_id, :application_id, :channel_id, :user_id, :locale)
ON CONFLICT (workspace_id) DO UPDATE
SET application_id = excluded.application_id, channel_id = excluded.channel_id, user_id = excluded.user_id, locale = excluded.locale,
    due_at = excluded.due_at, claim_token = NULL, claimed_at = NULL, error = NULL;

-- name: claim_digest
-- Claim a digest of these workspaces that is due and not claimed in the last minute; those that were never claimed come
-- first, so that one which cannot be posted does not delay the others. `claimed_before`: an earlier process may have
-- posted the digest before it ended.
WITH next AS (
    SELECT d.workspace_id, w.key, d.claimed_at FROM digests d JOIN workspaces w ON w.id = d.workspace_id
    WHERE d.application_id = :application_id AND d.due_at <= now() AND w.key = ANY (CAST(:workspaces AS text[]))
      AND (d.claimed_at IS NULL OR d.claimed_at < now() - interval '1 minute')
    ORDER BY d.claimed_at NULLS FIRST, d.due_at LIMIT 1
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE digests d SET claim_token = gen_random_uuid(), claimed_at = now()
FROM next WHERE d.workspace_id = next.workspace_id
RETURNING d.workspace_id, next.key AS workspace, d.channel_id, d.user_id, d.locale, d.due_at, d.claim_token, d.error, next.claimed_at IS NOT NULL AS claimed_before;

-- name: finish_digest
-- Set the time of the next digest, a whole number of weeks later; fenced by the claim.
UPDATE digests
SET due_at = due_at + interval '7 days' * greatest(1, ceil(extract(epoch FROM now() - due_at) / 604800)),
    claim_token = NULL, claimed_at = NULL, error = :error
WHERE workspace_id = :workspace_id AND claim_token = :claim_token;
