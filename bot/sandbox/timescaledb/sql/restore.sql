-- Restoring, and messages to the workers beside the server: a file each, in the data directory.

-- The message names the sender's virtual transaction: workers start after it has ended, or they
-- could still read timescaledb.restoring = on. False where no workers run beside this server.
CREATE FUNCTION timescaledb_stand_in.tell_workers(verb text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    directory text := current_setting('data_directory') || '/stand_in_messages';
    sender text := (SELECT virtualtransaction FROM pg_locks
                     WHERE locktype = 'virtualxid' AND pid = pg_backend_pid());
    this_one oid := (SELECT oid FROM pg_database WHERE datname = current_database());
BEGIN
    IF verb NOT IN ('start', 'stop') THEN
        RAISE EXCEPTION 'workers know no %', verb;
    ELSIF (pg_stat_file(directory, true)).isdir IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('COPY (SELECT %L) TO %L', format('%s %s %s', verb, this_one, sender),
                   format('%s/%s_%s', directory, pg_backend_pid(),
                          to_char(clock_timestamp(), 'YYYYMMDDHH24MISSUS')));
    RETURN true;
END $$;

-- Waits until this database's scheduler is gone, for up to 5 s.
CREATE FUNCTION timescaledb_stand_in.await_no_scheduler() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR attempt IN 1..250 LOOP
        PERFORM pg_stat_clear_snapshot();
        EXIT WHEN NOT EXISTS (
            SELECT FROM pg_stat_activity WHERE datname = current_database()
               AND application_name = 'TimescaleDB Background Worker Scheduler');
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;

CREATE FUNCTION _timescaledb_functions.stop_background_workers() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF timescaledb_stand_in.tell_workers('stop') THEN
        PERFORM timescaledb_stand_in.await_no_scheduler();
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION _timescaledb_functions.start_background_workers() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM timescaledb_stand_in.tell_workers('start');
    RETURN true;
END $$;

CREATE FUNCTION _timescaledb_functions.restart_background_workers() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF timescaledb_stand_in.tell_workers('stop') THEN
        PERFORM timescaledb_stand_in.await_no_scheduler();
    END IF;
    PERFORM timescaledb_stand_in.tell_workers('start');
    RETURN true;
END $$;

CREATE FUNCTION @extschema@.timescaledb_pre_restore() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET timescaledb.restoring = ''on''', current_database());
    PERFORM set_config('timescaledb.restoring', 'on', false);
    RETURN _timescaledb_functions.stop_background_workers();
END $$;

CREATE FUNCTION @extschema@.timescaledb_post_restore() RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    seen text := (SELECT value FROM _timescaledb_catalog.metadata
                   WHERE key = 'timescaledb_version');
    expected text := (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb');
BEGIN
    IF seen IS DISTINCT FROM expected THEN
        RAISE EXCEPTION 'catalog version mismatch, expected "%" seen "%"', expected, seen;
    END IF;
    EXECUTE format('ALTER DATABASE %I RESET timescaledb.restoring', current_database());
    PERFORM set_config('timescaledb.restoring', 'off', false);
    PERFORM _timescaledb_functions.restart_background_workers();
    RETURN true;
END $$;

INSERT INTO _timescaledb_catalog.metadata VALUES
    ('uuid', gen_random_uuid(), true),
    ('install_timestamp', now(), true),
    ('timescaledb_version',
     (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'), false);

DO $$
BEGIN
    -- A NOTICE of an extension's script never reaches the client.
    RAISE WARNING 'timescaledb in this server is a stand-in for a sandbox, not TimescaleDB';
    PERFORM timescaledb_stand_in.tell_workers('start');
END $$;
