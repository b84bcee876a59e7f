#!/bin/sh
# Makes the demo's database and three dumps of it: an older one, the newest, and one cut short.
# Connects by libpq's variables as a superuser. Leaves alone what an earlier start has made.
set -eu

backups=${BACKUPS:-/dumps}
sample=${SAMPLE:-/demo/sample.sql}
database=ecoanp
yesterday=$(date -u -d '1 day ago' '+%Y-%m-%d %H:%M:%S+00')

run() { psql --no-psqlrc --quiet --output=/dev/null --set=ON_ERROR_STOP=1 "$@"; }

readings() { # from, to
    run --dbname="$database" --command='SET ROLE sensors' \
        --command="SELECT public.take_readings($1, $2)"
    # Parents first; each refresh in a session's own statement, as it has to be.
    for view in influx_agg_1m influx_agg_10m influx_agg_1h influx_agg_1d; do
        run --dbname="$database" --command="CALL refresh_continuous_aggregate('$view', NULL, NULL)"
    done
    run --dbname="$database" --command='ANALYZE'
}

dump() { # name, time
    pg_dump --format=custom --file="$backups/$1.part" "$database"
    chmod 0644 "$backups/$1.part"
    touch -d "$2" "$backups/$1.part"
    mv "$backups/$1.part" "$backups/$1"
}

truncated="$database-truncated.dump"
if [ -e "$backups/$truncated" ]; then
    echo "the sample is there already"
    exit 0
fi

run --dbname=postgres \
    --command="DROP DATABASE IF EXISTS $database WITH (FORCE)" \
    --command='DROP ROLE IF EXISTS sensors' \
    --command="CREATE ROLE sensors LOGIN PASSWORD 'sensors'" \
    --command="CREATE DATABASE $database OWNER sensors TEMPLATE template0"
run --dbname="$database" \
    --command='CREATE EXTENSION IF NOT EXISTS timescaledb' \
    --command='CREATE EXTENSION IF NOT EXISTS vector'
run --dbname="$database" --file="$sample"
readings "date_trunc('day', now()) - interval '9 days'" "'$yesterday'"
dump "$database-older.dump" '1 day ago'
readings "'$yesterday'" 'now()'
dump "$database-newest.dump" '10 minutes ago'
size=$(stat -c %s "$backups/$database-newest.dump")
head -c $((size * 2 / 3)) "$backups/$database-newest.dump" >"$backups/$truncated"
chmod 0644 "$backups/$truncated"
touch -d '5 minutes ago' "$backups/$truncated"
echo "the sample and its dumps are made"
