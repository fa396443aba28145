-- How many values a prepared statement leaves open
SELECT pg_catalog.cardinality(parameter_types) FROM pg_catalog.pg_prepared_statements WHERE name = 'lab_planned'
