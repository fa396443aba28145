-- Who would plan, and whether that is a superuser or a role that may become one
SELECT session_user::text AS role,
       EXISTS (SELECT FROM pg_roles WHERE rolsuper AND pg_has_role(session_user, oid, 'MEMBER')) AS is_superuser
