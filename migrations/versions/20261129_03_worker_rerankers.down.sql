ALTER TABLE workers DROP COLUMN rerankers;
