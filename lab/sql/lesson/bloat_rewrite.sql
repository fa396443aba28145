-- The table is written anew
VACUUM (FULL) scene
