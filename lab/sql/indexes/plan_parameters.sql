-- How many values a prepared statement leaves open
SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = 'lab_planned'
