-- Dead rows are removed
VACUUM scene
