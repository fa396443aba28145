#!/bin/sh
# Starts the official PostgreSQL image with the lab's settings; versions 13 to 18.
#
# The settings are lab/server/lab.conf, the same file that the embedded server reads, without the lines that this
# version does not know (those that end in "# since N" with a greater N).
set -eu

settings=/run/lab.conf

# the program knows its version; an image of another make may not set PG_MAJOR
major=$(postgres --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')

awk -v major="$major" '
  match($0, /# since [0-9]+ *$/) { if (substr($0, RSTART + 8) + 0 > major + 0) next }
  { print }
' /lab/lab.conf >"$settings"
chmod 0644 "$settings"  # made by root, read by postgres

# As the lab's own initdb makes it: the same order of text everywhere. Inside the container the socket is open to its
# users (local stays trust), everyone else needs a password.
POSTGRES_INITDB_ARGS="--encoding=UTF8 --locale=C --auth-local=trust --auth-host=scram-sha-256"
if [ "$major" -ge 17 ]; then
  POSTGRES_INITDB_ARGS="$POSTGRES_INITDB_ARGS --locale-provider=builtin --builtin-locale=C.UTF-8"
fi
export POSTGRES_INITDB_ARGS

# The server writes its log where programs read it, so `docker compose logs` ends where the collector begins. What made
# the last start or run fail is shown here; a refused client is no such thing (it has a process of a client).
if [ -d "$PGDATA/log" ]; then
  last=$(ls -t "$PGDATA"/log/*.csv 2>/dev/null | head -n 1)
  if [ -n "$last" ]; then
    grep -aE '"(postmaster|startup|checkpointer)",|,PANIC,' "$last" | grep -aE ',(FATAL|PANIC),' | tail -n 3 |
      sed 's/^/before this start: /' || :
  fi
fi

# Pass on what the lab's settings leave to the place where the server runs. hba_file and ident_file stay in PGDATA.
exec docker-entrypoint.sh postgres -c config_file="$settings" -c listen_addresses='*' "$@"
