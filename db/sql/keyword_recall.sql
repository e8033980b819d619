-- Keyword recall: the scopes that the user may see, and the parts of the keyword index that contain the terms.

-- name: list_keyword_changes
-- List the tail of the keyword index in these scopes.
SELECT chunk_id, change, length, terms FROM keyword_changes
WHERE workspace_id = :workspace_id AND scope_id = ANY (CAST(:scopes AS integer[]));
