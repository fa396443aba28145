-- Have VACUUM keep the empty pages at the end of the file
ALTER TABLE scratch SET (vacuum_truncate = false)
