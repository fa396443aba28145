-- Let the lab's roles in, also where PUBLIC is kept out
GRANT CONNECT ON DATABASE {database} TO {app}, {observer};
