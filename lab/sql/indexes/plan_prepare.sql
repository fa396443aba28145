-- Give a statement of pg_stat_statements a name, its values left open
PREPARE lab_planned AS {statement}
