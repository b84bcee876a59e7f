-- Policies and other jobs. The workers beside the server run them and keep bgw_job_stat.

CREATE FUNCTION timescaledb_stand_in.set_next_start(job int, moment timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO _timescaledb_internal.bgw_job_stat
    VALUES (job, '-infinity', '-infinity', moment, '-infinity', true,
            0, '0', '0', 0, 0, 0, 0, 0)
    ON CONFLICT (job_id) DO UPDATE SET next_start = EXCLUDED.next_start
$$;

-- A first start is kept with the statistics, which no dump holds: after a restore it is forgotten.
CREATE FUNCTION timescaledb_stand_in.new_job(
    title text, schema name, proc name, schedule interval, retry interval, hypertable int,
    settings jsonb, first_start timestamptz, armed boolean DEFAULT true, zone text DEFAULT NULL
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    number int := nextval('_timescaledb_config.bgw_job_id_seq');
BEGIN
    INSERT INTO _timescaledb_config.bgw_job
    VALUES (number, format('%s [%s]', title, number), schedule, '0', -1, retry, schema, proc,
            quote_ident(current_role)::regrole, armed, first_start IS NOT NULL, first_start,
            hypertable, settings, NULL, NULL, zone);
    IF first_start IS NOT NULL THEN
        PERFORM timescaledb_stand_in.set_next_start(number, first_start);
    END IF;
    RETURN number;
END $$;

-- The job there is already, if that is fine, or an error.
CREATE FUNCTION timescaledb_stand_in.existing_policy(
    proc name, hypertable int, if_not_exists boolean, complaint text
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    known int;
BEGIN
    SELECT id INTO known FROM _timescaledb_config.bgw_job
     WHERE proc_schema = '_timescaledb_functions' AND proc_name = proc
       AND hypertable_id = hypertable;
    IF known IS NOT NULL AND NOT if_not_exists THEN
        RAISE EXCEPTION '%', complaint USING ERRCODE = '42710';
    END IF;
    RETURN known;
END $$;

CREATE FUNCTION @extschema@.add_continuous_aggregate_policy(
    continuous_aggregate regclass, start_offset interval, end_offset interval,
    schedule_interval interval, if_not_exists boolean DEFAULT false,
    initial_start timestamptz DEFAULT NULL, timezone text DEFAULT NULL
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    proc name := 'policy_refresh_continuous_aggregate';
    view int := (timescaledb_stand_in.aggregate_of(continuous_aggregate)).mat_hypertable_id;
    known int := timescaledb_stand_in.existing_policy(proc, view, if_not_exists, format(
        'continuous aggregate policy already exists for "%s"', continuous_aggregate));
BEGIN
    RETURN coalesce(known, timescaledb_stand_in.new_job(
        'Refresh Continuous Aggregate Policy', '_timescaledb_functions', proc, schedule_interval,
        schedule_interval, view, jsonb_build_object('mat_hypertable_id', view,
        'start_offset', start_offset, 'end_offset', end_offset), initial_start, true, timezone));
END $$;

CREATE FUNCTION @extschema@.add_retention_policy(
    relation regclass, drop_after interval, if_not_exists boolean DEFAULT false,
    schedule_interval interval DEFAULT '1 day', initial_start timestamptz DEFAULT NULL,
    timezone text DEFAULT NULL
) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    proc name := 'policy_retention';
    number int := (timescaledb_stand_in.hypertable_of(relation)).id;
    known int := timescaledb_stand_in.existing_policy(proc, number, if_not_exists, format(
        'retention policy already exists for hypertable "%s"', relation));
BEGIN
    IF number IS NULL THEN
        RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', relation;
    END IF;
    RETURN coalesce(known, timescaledb_stand_in.new_job(
        'Retention Policy', '_timescaledb_functions', proc, schedule_interval, '5 minutes', number,
        jsonb_build_object('hypertable_id', number, 'drop_after', drop_after), initial_start, true,
        timezone));
END $$;

CREATE FUNCTION @extschema@.add_job(
    proc regproc, schedule_interval interval, config jsonb DEFAULT NULL,
    initial_start timestamptz DEFAULT NULL, scheduled boolean DEFAULT true
) RETURNS int LANGUAGE sql AS $$
    SELECT timescaledb_stand_in.new_job(
        'User-Defined Action', pronamespace::regnamespace::name, proname, schedule_interval,
        '5 minutes', NULL, config, initial_start, scheduled)
      FROM pg_proc WHERE oid = proc
$$;

CREATE FUNCTION @extschema@.delete_job(job_id int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM _timescaledb_config.bgw_job WHERE id = job_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % not found', job_id USING ERRCODE = '42704';
    END IF;
END $$;

CREATE TYPE timescaledb_stand_in.altered_job AS (
    job_id int, schedule_interval interval, max_runtime interval, max_retries int,
    retry_period interval, scheduled boolean, config jsonb, next_start timestamptz
);

CREATE FUNCTION @extschema@.alter_job(
    job_id int, schedule_interval interval DEFAULT NULL, max_runtime interval DEFAULT NULL,
    max_retries int DEFAULT NULL, retry_period interval DEFAULT NULL,
    scheduled boolean DEFAULT NULL, config jsonb DEFAULT NULL,
    next_start timestamptz DEFAULT NULL, if_exists boolean DEFAULT false
) RETURNS SETOF timescaledb_stand_in.altered_job LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    UPDATE _timescaledb_config.bgw_job j
       SET schedule_interval = coalesce($2, j.schedule_interval),
           max_runtime = coalesce($3, j.max_runtime),
           max_retries = coalesce($4, j.max_retries),
           retry_period = coalesce($5, j.retry_period),
           scheduled = coalesce($6, j.scheduled),
           config = coalesce($7, j.config)
     WHERE j.id = $1;
    IF NOT FOUND AND NOT if_exists THEN
        RAISE EXCEPTION 'job % not found', $1 USING ERRCODE = '42704';
    ELSIF FOUND AND $8 IS NOT NULL THEN
        PERFORM timescaledb_stand_in.set_next_start($1, $8);
    END IF;
    RETURN QUERY
    SELECT j.id, j.schedule_interval, j.max_runtime, j.max_retries, j.retry_period, j.scheduled,
           j.config, coalesce(s.next_start, '-infinity')
      FROM _timescaledb_config.bgw_job j
      LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
     WHERE j.id = $1;
END $$;

CREATE PROCEDURE _timescaledb_functions.policy_refresh_continuous_aggregate(
    job_id int, config jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    view regclass;
BEGIN
    SELECT format('%I.%I', user_view_schema, user_view_name)::regclass INTO STRICT view
      FROM _timescaledb_catalog.continuous_agg
     WHERE mat_hypertable_id = (config ->> 'mat_hypertable_id')::int;
    PERFORM timescaledb_stand_in.refresh(view, now() - (config ->> 'start_offset')::interval,
                                         now() - (config ->> 'end_offset')::interval);
END $$;

CREATE PROCEDURE _timescaledb_functions.policy_retention(job_id int, config jsonb)
LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
BEGIN
    SELECT format('%I.%I', schema_name, table_name)::regclass INTO STRICT relation
      FROM _timescaledb_catalog.hypertable WHERE id = (config ->> 'hypertable_id')::int;
    PERFORM @extschema@.drop_chunks(relation, (config ->> 'drop_after')::interval);
END $$;

-- The statement that runs a job: its procedure may commit only where it is called directly.
CREATE FUNCTION timescaledb_stand_in.job_statement(job int) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s %I.%I(%s, %L::jsonb)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END,
                  j.proc_schema, j.proc_name, j.id, j.config)
      FROM _timescaledb_config.bgw_job j
      JOIN pg_proc p ON p.proname = j.proc_name
       AND p.pronamespace = quote_ident(j.proc_schema)::regnamespace
     WHERE j.id = job LIMIT 1
$$;

CREATE PROCEDURE @extschema@.run_job(job_id int) LANGUAGE plpgsql AS $$
DECLARE
    statement text := timescaledb_stand_in.job_statement(job_id);
BEGIN
    COMMIT;  -- fails inside a transaction block, as the real procedure does
    IF statement IS NULL THEN
        RAISE EXCEPTION 'job % not found', job_id USING ERRCODE = '42704';
    END IF;
    EXECUTE statement;
END $$;

-- For the scheduler: what is due, in the order of the ids, so parents before children.
CREATE FUNCTION timescaledb_stand_in.due_jobs()
RETURNS TABLE (id int, title name, owner name) LANGUAGE sql STABLE AS $$
    SELECT j.id, j.application_name, r.rolname
      FROM _timescaledb_config.bgw_job j
      JOIN pg_roles r ON r.oid = j.owner
      LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
     WHERE j.scheduled AND coalesce(s.next_start, '-infinity') <= clock_timestamp()
     ORDER BY j.id
$$;

CREATE FUNCTION timescaledb_stand_in.job_started(job int) RETURNS void LANGUAGE sql AS $$
    SELECT timescaledb_stand_in.set_next_start(job, '-infinity');
    UPDATE _timescaledb_internal.bgw_job_stat
       SET last_start = clock_timestamp(), last_finish = '-infinity', total_runs = total_runs + 1
     WHERE job_id = job
$$;

CREATE FUNCTION timescaledb_stand_in.job_finished(job int, succeeded boolean) RETURNS void
LANGUAGE sql AS $$
    UPDATE _timescaledb_internal.bgw_job_stat s
       SET last_finish = clock_timestamp(),
           last_run_success = succeeded,
           last_successful_finish = CASE WHEN succeeded THEN clock_timestamp()
                                         ELSE s.last_successful_finish END,
           next_start = clock_timestamp() + CASE WHEN succeeded THEN j.schedule_interval
                                                 ELSE j.retry_period END,
           total_duration = s.total_duration + (clock_timestamp() - s.last_start),
           total_successes = s.total_successes + succeeded::int,
           total_failures = s.total_failures + (NOT succeeded)::int,
           consecutive_failures = CASE WHEN succeeded THEN 0 ELSE s.consecutive_failures + 1 END
      FROM _timescaledb_config.bgw_job j
     WHERE s.job_id = job AND j.id = job
$$;

-- Jobs that were running when the workers ended are tried again.
CREATE FUNCTION timescaledb_stand_in.recover_jobs() RETURNS void LANGUAGE sql AS $$
    UPDATE _timescaledb_internal.bgw_job_stat
       SET next_start = clock_timestamp(), total_crashes = total_crashes + 1
     WHERE next_start = '-infinity'
       AND job_id IN (SELECT id FROM _timescaledb_config.bgw_job WHERE scheduled)
$$;
