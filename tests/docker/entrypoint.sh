#!/bin/bash
# Behaves like the entry point of the official PostgreSQL images: fills an empty PGDATA, then
# becomes PostgreSQL (PID 1, user postgres). Any other command is simply run.
set -Eeuo pipefail

if [[ $# -eq 0 || $1 == -* ]]; then set -- postgres "$@"; fi
if [[ $1 != postgres ]]; then exec "$@"; fi

if [[ $(id -u) == 0 ]]; then
    install -d -o postgres -g postgres -m 0700 "$PGDATA" /backup
    install -d -o postgres -g postgres -m 2775 /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

database=${POSTGRES_DB:-postgres}
if [[ ! -s $PGDATA/PG_VERSION ]]; then
    : "${POSTGRES_PASSWORD:?must be set to fill an empty data directory}"
    initdb --no-sync --username=postgres --encoding=UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    # cron.host: pg_cron's own sessions need no password on the local socket.
    # max_worker_processes: 3 + the extension's workers + the parallel ones.
    cat >>"$PGDATA/postgresql.conf" <<CONF
listen_addresses = '*'
shared_preload_libraries = 'timescaledb,pg_cron,pg_stat_statements'
cron.database_name = '${CRON_DATABASE:-$database}'
cron.host = '/run/postgresql'
timescaledb.telemetry_level = off
timescaledb.max_background_workers = 12
max_worker_processes = 20
max_parallel_workers = 4
fsync = off
CONF
    if [[ $database != postgres ]]; then
        postgres --single postgres >/dev/null <<<"CREATE DATABASE \"$database\""
    fi
fi
exec "$@"
