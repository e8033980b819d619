ALTER TABLE embedding_profiles DROP COLUMN quantization;
