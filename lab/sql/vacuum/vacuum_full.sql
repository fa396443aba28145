-- Write the table anew
VACUUM (FULL) scratch
