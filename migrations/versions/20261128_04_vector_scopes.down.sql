-- Restores the index by version.
DROP INDEX embeddings_of_scope;
CREATE INDEX embeddings_of_workspace ON embeddings (profile_id, workspace_id, version_id);
