-- Deliveries: the outbox of the Discord bot. A bot process claims a delivery; every write checks the fencing token of
-- the claim, so that a process that lost its claim changes nothing. Locks are taken in one order: the delivery first,
-- then its jobs.

-- name: insert_delivery
-- Insert a delivery. Returns no row if the request key is known; the caller then reads the existing delivery.
INSERT INTO deliveries (workspace_id, request_key, kind, application_id, guild_id, channel_id, message_id, reply_to_id, user_id,
                        locale, private, route, token, token_expires)
VALUES (:workspace_id, :request_key, :kind, :application_id, :guild_id, :channel_id, :message_id, :reply_to_id, :user_id,
        :locale, :private, :route, :token, now() + make_interval(secs => CAST(:token_ttl_s AS float)))
ON CONFLICT (workspace_id, request_key) DO NOTHING
RETURNING id;

-- name: claim_deliveries
-- Claim open and due deliveries that are unclaimed or whose claim has expired. Taking over an expired claim counts as a
-- failed try, so that a delivery that kills its process is given up eventually.
WITH next AS (
    SELECT id FROM deliveries
    WHERE application_id = :application_id AND state = 'open' AND due_at <= now()
      AND (claim_token IS NULL OR claim_expires < now())
    ORDER BY due_at, id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d
SET claim_owner = :owner, claim_token = gen_random_uuid(), claim_expires = now() + make_interval(secs => :lease_s),
    attempts = d.attempts + CASE WHEN d.claim_token IS NULL THEN 0 ELSE 1 END
FROM next WHERE d.id = next.id
RETURNING d.*;

-- name: claim_delivery
-- Claim one delivery if it is open, due and not claimed by another process; a process that already owns the claim keeps
-- its token.
UPDATE deliveries
SET claim_owner = :owner, claim_expires = now() + make_interval(secs => :lease_s),
    claim_token = CASE WHEN claim_owner = :owner THEN claim_token ELSE gen_random_uuid() END,
    attempts = attempts + CASE WHEN claim_token IS NULL OR claim_owner = :owner THEN 0 ELSE 1 END
WHERE id = :id AND state = 'open' AND due_at <= now()
  AND (claim_token IS NULL OR claim_owner = :owner OR claim_expires < now())
RETURNING *;

-- name: renew_deliveries
-- Renew all claims of a bot process; returns the deliveries that it still owns. Several deliveries are always locked in
-- the order of their IDs.
WITH own AS (SELECT id FROM deliveries WHERE claim_owner = :owner ORDER BY id FOR UPDATE)
UPDATE deliveries d SET claim_expires = now() + make_interval(secs => :lease_s)
FROM own WHERE d.id = own.id AND d.claim_owner = :owner
RETURNING d.id;

-- name: release_deliveries
-- Release all claims of a bot process that stops.
WITH own AS (SELECT id FROM deliveries WHERE claim_owner = :owner ORDER BY id FOR UPDATE)
UPDATE deliveries d SET claim_owner = NULL, claim_token = NULL, claim_expires = NULL
FROM own WHERE d.id = own.id AND d.claim_owner = :owner;

-- name: mark_delivery_posted
-- Record the posted message; fenced.
UPDATE deliveries SET message_id = :message_id, channel_id = coalesce(CAST(:channel_id AS text), channel_id), attempts = 0, error = NULL
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
RETURNING *;

-- name: mark_delivery_parts_sent
-- Record the number of further messages sent; fenced.
UPDATE deliveries SET parts_sent = :parts, attempts = 0, error = NULL
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
RETURNING *;

-- name: reroute_delivery
-- Change route, channel and message; fenced. The token is cleared unless the route is `token`. In another channel, the
-- message that was replied to and the parts already sent do not exist, so both are reset.
UPDATE deliveries
SET route = :route, channel_id = :channel_id, message_id = :message_id, token = CASE WHEN :route = 'token' THEN token END,
    reply_to_id = CASE WHEN channel_id = :channel_id THEN reply_to_id END,
    parts_sent = CASE WHEN channel_id = :channel_id AND route = :route THEN parts_sent ELSE 0 END
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
RETURNING *;

-- name: clear_delivery_token
-- Clear the interaction token, which is no longer needed; fenced.
UPDATE deliveries SET token = NULL WHERE id = :id AND claim_token = :claim_token AND state = 'open' RETURNING *;

-- name: finish_delivery
-- Mark a delivery as delivered; fenced. A crash of PostgreSQL may undo the end of a job whose result is already shown, because
-- workers do not wait for the disk. The job then runs again, and the delivery stays open for its result.
UPDATE deliveries
SET state = 'delivered', delivered_at = now(), token = NULL, error = NULL, claim_owner = NULL, claim_token = NULL, claim_expires = NULL
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
  AND NOT EXISTS (SELECT FROM jobs WHERE delivery_id = :id AND state IN ('queued', 'running'))
RETURNING *;

-- name: mark_jobs_delivered
-- Mark the ended jobs of a delivery as delivered.
UPDATE jobs SET delivered_at = now() WHERE delivery_id = :id AND delivered_at IS NULL AND state NOT IN ('queued', 'running');

-- name: mark_delivery_undeliverable
-- Give up a delivery because its user cannot be reached; fenced. The result remains with the job.
UPDATE deliveries
SET state = 'undeliverable', token = NULL, error = :error, claim_owner = NULL, claim_token = NULL, claim_expires = NULL
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
RETURNING *;

-- name: postpone_delivery
-- Release the claim after a failed try and set the time of the next try; fenced.
UPDATE deliveries
SET due_at = now() + make_interval(secs => :delay_s), attempts = attempts + 1, error = :error,
    claim_owner = NULL, claim_token = NULL, claim_expires = NULL
WHERE id = :id AND claim_token = :claim_token AND state = 'open'
RETURNING *;

-- name: reopen_delivery
-- Reopen the delivery of a job that is retried, and revoke its claim, because the process that owns it shows the old
-- result. A new token is stored only if it belongs to the user of the delivery: any other token would show the result
-- to another user.
UPDATE deliveries
SET state = 'open', generation = generation + 1, parts_sent = 0, attempts = 0, error = NULL, due_at = now(), delivered_at = NULL,
    claim_owner = NULL, claim_token = NULL, claim_expires = NULL,
    token = CASE WHEN CAST(:token AS text) IS NOT NULL AND user_id = :user_id THEN CAST(:token AS text) ELSE token END,
    token_expires = CASE WHEN CAST(:token AS text) IS NOT NULL AND user_id = :user_id
                         THEN now() + make_interval(secs => CAST(:token_ttl_s AS float)) ELSE token_expires END
WHERE id = (SELECT delivery_id FROM jobs WHERE id = :job_id);

-- name: clear_expired_tokens
-- Clear interaction tokens that Discord no longer accepts. Locked rows are skipped until the next sweep.
WITH expired AS (SELECT id FROM deliveries WHERE token IS NOT NULL AND token_expires < now() FOR UPDATE SKIP LOCKED)
UPDATE deliveries d SET token = NULL FROM expired WHERE d.id = expired.id;

-- name: mark_orphan_deliveries
-- Close open deliveries whose jobs were deleted.
WITH orphans AS (
    SELECT d.id FROM deliveries d
    WHERE d.state = 'open' AND NOT EXISTS (SELECT FROM jobs j WHERE j.delivery_id = d.id) FOR UPDATE SKIP LOCKED
)
UPDATE deliveries d
SET state = 'undeliverable', token = NULL, error = 'The jobs were deleted.', claim_owner = NULL, claim_token = NULL, claim_expires = NULL
FROM orphans WHERE d.id = orphans.id;

-- name: has_public_answer
-- Return whether one of these channels contains a public answer, or one of these messages is one.
SELECT EXISTS (
    SELECT FROM deliveries
    WHERE kind = 'answer' AND NOT private AND (channel_id = ANY (CAST(:ids AS text[])) OR message_id = ANY (CAST(:ids AS text[])))
);

-- name: list_conversation
-- List the last answered public questions in these channels or messages, newest first, without deleted answers.
SELECT j.id, j.payload ->> 'question' AS question, j.result ->> 'answer' AS answer
FROM deliveries d JOIN jobs j ON j.delivery_id = d.id
WHERE d.kind = 'answer' AND NOT d.private AND (d.channel_id = ANY (CAST(:ids AS text[])) OR d.message_id = ANY (CAST(:ids AS text[])))
  AND j.kind = 'ask' AND j.state = 'succeeded' AND NOT j.result ? 'deleted'
ORDER BY j.id DESC
LIMIT :limit;
