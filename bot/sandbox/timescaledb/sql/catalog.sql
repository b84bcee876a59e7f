-- The catalog: tables and columns as TimescaleDB's users see them, so that a dump looks the same.

CREATE SCHEMA _timescaledb_catalog;
CREATE SCHEMA _timescaledb_config;
CREATE SCHEMA _timescaledb_internal;
CREATE SCHEMA _timescaledb_functions;
CREATE SCHEMA timescaledb_information;
CREATE SCHEMA timescaledb_stand_in;

COMMENT ON SCHEMA timescaledb_stand_in IS
    'What this stand-in for TimescaleDB needs for itself; the real extension has no such schema';

CREATE TABLE _timescaledb_catalog.metadata (
    key name PRIMARY KEY, value text NOT NULL, include_in_telemetry boolean NOT NULL
);

CREATE TABLE _timescaledb_catalog.hypertable (
    id serial PRIMARY KEY,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    associated_schema_name name NOT NULL DEFAULT '_timescaledb_internal',
    associated_table_prefix name NOT NULL,
    num_dimensions smallint NOT NULL DEFAULT 1,
    compression_state smallint NOT NULL DEFAULT 0,
    compressed_hypertable_id int,
    status int NOT NULL DEFAULT 0,
    UNIQUE (table_name, schema_name)
);

CREATE TABLE _timescaledb_catalog.dimension (
    id serial PRIMARY KEY,
    hypertable_id int NOT NULL REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    column_name name NOT NULL,
    column_type regtype NOT NULL,
    aligned boolean NOT NULL DEFAULT true,
    num_slices smallint,
    interval_length bigint CHECK (interval_length > 0),
    integer_now_func_schema name,
    integer_now_func name
);

CREATE TABLE _timescaledb_catalog.dimension_slice (
    id serial PRIMARY KEY,
    dimension_id int NOT NULL REFERENCES _timescaledb_catalog.dimension ON DELETE CASCADE,
    range_start bigint NOT NULL,
    range_end bigint NOT NULL,
    UNIQUE (dimension_id, range_start, range_end)
);

CREATE TABLE _timescaledb_catalog.chunk (
    id serial PRIMARY KEY,
    hypertable_id int NOT NULL REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    compressed_chunk_id int,
    dropped boolean NOT NULL DEFAULT false,
    status int NOT NULL DEFAULT 0,
    osm_chunk boolean NOT NULL DEFAULT false,
    creation_time timestamptz NOT NULL DEFAULT now(),
    UNIQUE (schema_name, table_name)
);

CREATE TABLE _timescaledb_catalog.chunk_constraint (
    chunk_id int NOT NULL REFERENCES _timescaledb_catalog.chunk ON DELETE CASCADE,
    dimension_slice_id int REFERENCES _timescaledb_catalog.dimension_slice ON DELETE CASCADE,
    constraint_name name NOT NULL,
    hypertable_constraint_name name,
    UNIQUE (chunk_id, constraint_name)
);

CREATE TABLE _timescaledb_catalog.continuous_agg (
    mat_hypertable_id int PRIMARY KEY REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    raw_hypertable_id int NOT NULL REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    parent_mat_hypertable_id int,
    user_view_schema name NOT NULL,
    user_view_name name NOT NULL,
    partial_view_schema name NOT NULL,
    partial_view_name name NOT NULL,
    direct_view_schema name NOT NULL,
    direct_view_name name NOT NULL,
    materialized_only boolean NOT NULL DEFAULT false,
    finalized boolean NOT NULL DEFAULT true,
    UNIQUE (user_view_schema, user_view_name)
);

CREATE TABLE _timescaledb_catalog.continuous_aggs_bucket_function (
    mat_hypertable_id int PRIMARY KEY REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    bucket_func text NOT NULL,
    bucket_width text NOT NULL,
    bucket_fixed_width boolean NOT NULL DEFAULT true
);

CREATE TABLE _timescaledb_catalog.continuous_aggs_watermark (
    mat_hypertable_id int PRIMARY KEY
        REFERENCES _timescaledb_catalog.continuous_agg ON DELETE CASCADE,
    watermark bigint NOT NULL
);

CREATE SEQUENCE _timescaledb_config.bgw_job_id_seq MINVALUE 1000;

CREATE TABLE _timescaledb_config.bgw_job (
    id int PRIMARY KEY DEFAULT nextval('_timescaledb_config.bgw_job_id_seq'),
    application_name name NOT NULL,
    schedule_interval interval NOT NULL,
    max_runtime interval NOT NULL,
    max_retries int NOT NULL,
    retry_period interval NOT NULL,
    proc_schema name NOT NULL,
    proc_name name NOT NULL,
    owner regrole NOT NULL DEFAULT quote_ident(current_role)::regrole,
    scheduled boolean NOT NULL DEFAULT true,
    fixed_schedule boolean NOT NULL DEFAULT true,
    initial_start timestamptz,
    hypertable_id int REFERENCES _timescaledb_catalog.hypertable ON DELETE CASCADE,
    config jsonb,
    check_schema name,
    check_name name,
    timezone text
);
ALTER SEQUENCE _timescaledb_config.bgw_job_id_seq OWNED BY _timescaledb_config.bgw_job.id;

-- How jobs went is in no dump: after a restore each of them is due at once.
CREATE TABLE _timescaledb_internal.bgw_job_stat (
    job_id int PRIMARY KEY REFERENCES _timescaledb_config.bgw_job ON DELETE CASCADE,
    last_start timestamptz NOT NULL DEFAULT now(),
    last_finish timestamptz NOT NULL,
    next_start timestamptz NOT NULL,
    last_successful_finish timestamptz NOT NULL,
    last_run_success boolean NOT NULL,
    total_runs bigint NOT NULL,
    total_duration interval NOT NULL,
    total_duration_failures interval NOT NULL,
    total_successes bigint NOT NULL,
    total_failures bigint NOT NULL,
    total_crashes bigint NOT NULL,
    consecutive_failures int NOT NULL,
    consecutive_crashes int NOT NULL,
    flags int NOT NULL DEFAULT 0
);

-- One statement a table: PostgreSQL locks the extension's row anew in each.
SELECT pg_extension_config_dump('_timescaledb_catalog.metadata', $$WHERE key <> 'uuid'$$);
SELECT pg_extension_config_dump('_timescaledb_catalog.hypertable', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.hypertable_id_seq', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.dimension', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.dimension_id_seq', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.dimension_slice', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.dimension_slice_id_seq', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.chunk', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.chunk_id_seq', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.chunk_constraint', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.continuous_agg', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.continuous_aggs_bucket_function', '');
SELECT pg_extension_config_dump('_timescaledb_catalog.continuous_aggs_watermark', '');
SELECT pg_extension_config_dump('_timescaledb_config.bgw_job', 'WHERE id >= 1000');
SELECT pg_extension_config_dump('_timescaledb_config.bgw_job_id_seq', '');

-- A restored row replaces the one that CREATE EXTENSION wrote.
CREATE FUNCTION timescaledb_stand_in.replace_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM _timescaledb_catalog.metadata WHERE key = NEW.key;
    RETURN NEW;
END $$;
CREATE TRIGGER replace_metadata BEFORE INSERT ON _timescaledb_catalog.metadata
    FOR EACH ROW EXECUTE FUNCTION timescaledb_stand_in.replace_metadata();

-- The stand-in writes its catalog with its callers' rights: it guards nothing.
GRANT USAGE ON SCHEMA _timescaledb_catalog, _timescaledb_config, _timescaledb_functions,
    timescaledb_information, timescaledb_stand_in TO PUBLIC;
GRANT USAGE, CREATE ON SCHEMA _timescaledb_internal TO PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA
    _timescaledb_catalog, _timescaledb_config, _timescaledb_internal TO PUBLIC;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA _timescaledb_catalog, _timescaledb_config TO PUBLIC;
