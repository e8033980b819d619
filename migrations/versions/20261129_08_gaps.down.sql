DROP VIEW inspect.gaps;
DROP TABLE gap_resolutions;
ALTER TABLE queries DROP COLUMN vector, DROP COLUMN baseline;
