-- The observer may read the mark
GRANT USAGE ON SCHEMA lab TO {observer};
GRANT SELECT ON lab.mark TO {observer};
