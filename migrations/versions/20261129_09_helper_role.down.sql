DROP TABLE helper_requests;
ALTER TABLE workspace_settings DROP COLUMN helper_role;
