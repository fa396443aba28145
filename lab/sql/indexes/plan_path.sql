-- Names without a schema are looked for as by the statements that are to be planned
RESET search_path
