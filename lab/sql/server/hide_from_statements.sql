-- Keep this session's utility statements, which carry verifiers, out of pg_stat_statements
SET pg_stat_statements.track_utility = off;
