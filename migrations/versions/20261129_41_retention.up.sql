ALTER TABLE workspace_settings
    ADD COLUMN retention_days integer CHECK (retention_days >= 0),
    ADD COLUMN library_mb integer CHECK (library_mb >= 0);
COMMENT ON COLUMN workspace_settings.retention_days IS 'Days after which questions, answers and jobs are deleted; 0: the operator''s, or never. Null: the operator''s.';
COMMENT ON COLUMN workspace_settings.library_mb IS 'Megabytes of original files that the workspace may store; 0: the operator''s limit, or none. Null: the operator''s.';
