-- May this role make others, and is it a superuser?
SELECT rolcreaterole OR rolsuper, rolsuper FROM pg_roles WHERE rolname = current_user;
