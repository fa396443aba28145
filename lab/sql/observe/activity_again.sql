-- The same, planned once: this is what runs at every sample
EXECUTE lab_activity
