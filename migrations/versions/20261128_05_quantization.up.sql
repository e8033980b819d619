-- The precision of a local embedding model, because vectors of different precisions differ.

ALTER TABLE embedding_profiles
    ADD COLUMN quantization text NOT NULL DEFAULT '' CHECK (quantization IN ('', 'int8'));
COMMENT ON COLUMN embedding_profiles.quantization IS 'Precision of a local model: `int8`, or as the model is when empty.';
