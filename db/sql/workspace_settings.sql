-- Settings of workspaces.

-- name: list_workspace_settings
-- The settings of every workspace that has any.
SELECT w.key, s.* FROM workspace_settings s JOIN workspaces w ON w.id = s.workspace_id;
