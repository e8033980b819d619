-- Takes the sizes away again.
DROP TRIGGER documents_copy_live_sizes ON documents;
DROP FUNCTION copy_live_sizes();
ALTER TABLE documents DROP COLUMN live_chunks, DROP COLUMN live_terms;
