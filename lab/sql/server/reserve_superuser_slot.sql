-- Let the observer in when the ordinary connections are used up (13 to 15)
-- There, only superusers get a reserved slot. The role starts every transaction read-only, as a guard against slips.
ALTER ROLE {observer} SUPERUSER;
ALTER ROLE {observer} SET default_transaction_read_only = on;
