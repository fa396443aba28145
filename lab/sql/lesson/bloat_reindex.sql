-- The index is built anew
REINDEX INDEX scene_key
