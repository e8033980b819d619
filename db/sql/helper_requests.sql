-- Requests to the helpers of a server: one per question, and a few per user and day.

-- name: lock_helper_requests
-- Serialize the requests of one user, so that simultaneous ones do not exceed the limit.
SELECT pg_advisory_xact_lock(72450014, hashtext(:user_id || ':' || CAST(:workspace_id AS text)));

-- name: add_helper_request
-- Record a request before it is posted. Returns no row if the question was posted, or another request is being posted. A
-- request that was not posted within `patience_s` seconds is replaced, because its bot process has ended.
INSERT INTO helper_requests (workspace_id, job_id, user_id, posted) VALUES (:workspace_id, :job_id, :user_id, false)
ON CONFLICT (job_id) DO UPDATE SET user_id = excluded.user_id, created_at = now()
WHERE NOT helper_requests.posted AND helper_requests.created_at < now() - make_interval(secs => :patience_s)
RETURNING job_id;

-- name: mark_helper_request_posted
-- Record that a request is shown in its channel.
UPDATE helper_requests SET posted = true WHERE job_id = :job_id;
