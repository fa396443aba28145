-- Have the names of one scene come first
SET search_path = {scene}, public
