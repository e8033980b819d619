-- Recall reads the vectors of the visible scopes. In the order of the hash, the first vectors of a scope are a sample of
-- it; their mean similarity stands for the average passage.
DROP INDEX embeddings_of_workspace;
CREATE INDEX embeddings_of_scope ON embeddings (profile_id, workspace_id, scope_id, hashint4(chunk_id)) WHERE scope_id IS NOT NULL;
