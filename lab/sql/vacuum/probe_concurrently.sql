-- CREATE INDEX CONCURRENTLY: make an index without keeping writers waiting
CREATE INDEX CONCURRENTLY ON scratch (changed)
