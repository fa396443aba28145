-- Dead rows are removed, and statistics read anew
VACUUM (ANALYZE) scene
