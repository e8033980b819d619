-- Vectors of questions, to group the ones without a good answer, and what managers did about them.
ALTER TABLE queries ADD COLUMN vector halfvec, ADD COLUMN baseline real;
COMMENT ON COLUMN queries.vector IS 'Vector of the question as it was searched, in the embedding profile. Null: vectors were not used.';
COMMENT ON COLUMN queries.baseline IS 'Similarity of the question to an average passage, the zero of similarities. Null without a vector.';

CREATE TABLE gap_resolutions (
    query_id      bigint PRIMARY KEY REFERENCES queries ON DELETE CASCADE,
    workspace_id  integer NOT NULL REFERENCES workspaces,
    job_id        bigint REFERENCES jobs ON DELETE SET NULL,
    user_id       text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX gap_resolutions_of_job ON gap_resolutions (job_id);
COMMENT ON TABLE gap_resolutions IS 'Gaps that a manager has answered or dismissed.';
COMMENT ON COLUMN gap_resolutions.query_id IS 'Trace of the question.';
COMMENT ON COLUMN gap_resolutions.workspace_id IS 'Tenant.';
COMMENT ON COLUMN gap_resolutions.job_id IS 'Job that adds the answer to the library. Null: the gap was dismissed.';
COMMENT ON COLUMN gap_resolutions.user_id IS 'Manager who answered or dismissed it.';
COMMENT ON COLUMN gap_resolutions.created_at IS 'Time of the last change.';

GRANT SELECT, INSERT, UPDATE ON gap_resolutions TO refdesk_app;
GRANT SELECT ON gap_resolutions TO refdesk_worker, refdesk_read;
ALTER TABLE gap_resolutions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON gap_resolutions TO refdesk_app
    USING (workspace_id = current_workspace()) WITH CHECK (workspace_id = current_workspace());
CREATE POLICY all_workspaces ON gap_resolutions TO refdesk_worker USING (true) WITH CHECK (true);
CREATE POLICY look ON gap_resolutions FOR SELECT TO refdesk_read USING (true);

CREATE VIEW inspect.gaps WITH (security_invoker) AS
SELECT q.id AS query, w.key AS workspace, q.job_id AS job, coalesce(nullif(q.searched_as, ''), q.question) AS question, q.abstained, v.votes_against,
       q.requester, coalesce(d.private, false) AS private, q.created_at,
       CASE WHEN r.query_id IS NULL THEN 'open' WHEN r.job_id IS NULL THEN 'dismissed'
            WHEN a.state IN ('failed', 'dead', 'cancelled') THEN 'open' ELSE 'answered' END AS state,
       r.user_id AS resolved_by, r.created_at AS resolved_at
FROM queries q JOIN workspaces w ON w.id = q.workspace_id
LEFT JOIN jobs j ON j.id = q.job_id LEFT JOIN deliveries d ON d.id = j.delivery_id
LEFT JOIN LATERAL (SELECT count(*) AS votes_against FROM feedback f WHERE f.job_id = q.job_id AND f.vote < 0) v ON true
LEFT JOIN gap_resolutions r ON r.query_id = q.id LEFT JOIN jobs a ON a.id = r.job_id
WHERE q.abstained OR v.votes_against > 0;
COMMENT ON VIEW inspect.gaps IS 'Questions without an answer or with votes against it, and whether a manager has answered or dismissed them.';
GRANT SELECT ON inspect.gaps TO refdesk_read, refdesk_worker, refdesk_app;
