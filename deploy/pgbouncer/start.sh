#!/bin/sh
# Puts the one role's name ($ROLE) and its password (the file $PASSWORD_FILE) where PgBouncer reads them, in memory,
# and becomes PgBouncer.
set -eu
umask 077

password=$(sed 's/"/""/g' "$PASSWORD_FILE")
printf '"%s" "%s"\n' "$ROLE" "$password" >/tmp/users
exec pgbouncer /etc/pgbouncer/bookstore/pgbouncer.ini
