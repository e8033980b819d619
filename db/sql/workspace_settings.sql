-- Settings of workspaces.

-- name: all_settings
-- The settings of every workspace that has any.
SELECT w.key, s.* FROM workspace_settings s JOIN workspaces w ON w.id = s.workspace_id;
