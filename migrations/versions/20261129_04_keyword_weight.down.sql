COMMENT ON COLUMN queries.keyword_weight IS 'Weight of the keyword scores: 1, or 0 if keywords were not used.';
