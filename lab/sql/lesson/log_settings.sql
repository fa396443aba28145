-- Set parameters for the session; true makes it the session's
SELECT set_config(%(name)s, %(value)s, false)
