#!/bin/sh
# Starts PgBouncer before the lab's database. The password comes from the secret and goes to a file in memory.
# lab/server/pgbouncer_conf.py does the same beside the lab; keep the two alike.
set -eu
umask 077

dir=/run/pgbouncer
password=$(cat /run/secrets/lab_app)
size=${PGBOUNCER_POOL_SIZE:-20}
case $size in
  '' | *[!0-9]*) echo "error: PGBOUNCER_POOL_SIZE=$size is no number" >&2; exit 1 ;;
esac
case $password in
  '' | *[!A-Za-z0-9_-]*) echo "error: the secret lab_app is empty or has signs that make env does not use" >&2; exit 1 ;;
esac

# plain, because PgBouncer logs in to the server with it; printf is the shell's own, so no process list shows it
printf '"lab_app" "%s"\n' "$password" >"$dir/userlist.txt"

# 1.21 and later know it: statements prepared by name follow a client from one server connection to the next
set -- $(pgbouncer --version | sed -n 's/^PgBouncer \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
prepared=
if [ "$1" -gt 1 ] || [ "$2" -ge 21 ]; then prepared="max_prepared_statements = 200"; fi

cat >"$dir/pgbouncer.ini" <<INI
[databases]
lab = host=postgres port=5432 dbname=lab user=lab_app

[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
unix_socket_dir =
auth_type = scram-sha-256
auth_file = $dir/userlist.txt
pool_mode = transaction
default_pool_size = $size
max_client_conn = 1000
admin_users = lab_app
stats_users = lab_app
; psycopg2 sends it when it connects, and each server connection has the same value anyway
ignore_startup_parameters = extra_float_digits
$prepared
; the lab counts connections; a line of log for each would be a cost of its own
log_connections = 0
log_disconnections = 0
log_stats = 0
INI

exec pgbouncer "$dir/pgbouncer.ini"
