-- timescaledb_information, with the real views' columns as far as anybody here asks for them.

-- Chunks with the range of their one dimension; those of dropped tables are gone as well.
CREATE VIEW timescaledb_stand_in.slices AS
SELECT c.*, h.schema_name AS parent_schema, h.table_name AS parent_name,
       d.column_name, d.column_type, s.range_start, s.range_end,
       d.column_type = ANY ('{smallint,int,bigint}'::regtype[]) AS is_number
  FROM _timescaledb_catalog.chunk c
  JOIN _timescaledb_catalog.hypertable h ON h.id = c.hypertable_id
  JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id
  JOIN _timescaledb_catalog.chunk_constraint k ON k.chunk_id = c.id
  JOIN _timescaledb_catalog.dimension_slice s ON s.id = k.dimension_slice_id
 WHERE to_regclass(format('%I.%I', c.schema_name, c.table_name)) IS NOT NULL;

CREATE VIEW timescaledb_information.hypertables AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name,
       pg_get_userbyid(c.relowner) AS owner, h.num_dimensions,
       (SELECT count(*) FROM timescaledb_stand_in.slices s WHERE s.hypertable_id = h.id)
           AS num_chunks,
       false AS compression_enabled, NULL::name[] AS tablespaces,
       d.column_name AS primary_dimension, d.column_type AS primary_dimension_type
  FROM _timescaledb_catalog.hypertable h
  JOIN _timescaledb_catalog.dimension d ON d.hypertable_id = h.id
  JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', h.schema_name, h.table_name))
 WHERE NOT EXISTS (SELECT FROM _timescaledb_catalog.continuous_agg a
                    WHERE a.mat_hypertable_id = h.id);

CREATE VIEW timescaledb_information.dimensions AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name,
       rank() OVER (PARTITION BY h.id ORDER BY d.id) AS dimension_number,
       d.column_name, d.column_type, 'Time' AS dimension_type,
       CASE WHEN NOT n.is_number THEN d.interval_length * interval '1 microsecond' END
           AS time_interval,
       CASE WHEN n.is_number THEN d.interval_length END AS integer_interval,
       d.integer_now_func, d.num_slices AS num_partitions
  FROM _timescaledb_catalog.dimension d
  JOIN _timescaledb_catalog.hypertable h ON h.id = d.hypertable_id
 CROSS JOIN LATERAL (
       SELECT d.column_type = ANY ('{smallint,int,bigint}'::regtype[]) AS is_number) n;

CREATE VIEW timescaledb_information.chunks AS
SELECT s.parent_schema AS hypertable_schema, s.parent_name AS hypertable_name,
       s.schema_name AS chunk_schema, s.table_name AS chunk_name,
       s.column_name AS primary_dimension, s.column_type AS primary_dimension_type,
       CASE WHEN NOT s.is_number THEN _timescaledb_functions.to_timestamp(s.range_start) END
           AS range_start,
       CASE WHEN NOT s.is_number THEN _timescaledb_functions.to_timestamp(s.range_end) END
           AS range_end,
       CASE WHEN s.is_number THEN s.range_start END AS range_start_integer,
       CASE WHEN s.is_number THEN s.range_end END AS range_end_integer,
       false AS is_compressed, NULL::name AS chunk_tablespace,
       s.creation_time AS chunk_creation_time
  FROM timescaledb_stand_in.slices s;

CREATE VIEW timescaledb_information.continuous_aggregates AS
SELECT h.schema_name AS hypertable_schema, h.table_name AS hypertable_name,
       a.user_view_schema AS view_schema, a.user_view_name AS view_name,
       pg_get_userbyid(c.relowner) AS view_owner, a.materialized_only,
       false AS compression_enabled,
       m.schema_name AS materialization_hypertable_schema,
       m.table_name AS materialization_hypertable_name,
       pg_get_viewdef(to_regclass(format('%I.%I', a.direct_view_schema, a.direct_view_name)))
           AS view_definition,
       a.finalized
  FROM _timescaledb_catalog.continuous_agg a
  JOIN _timescaledb_catalog.hypertable h ON h.id = a.raw_hypertable_id
  JOIN _timescaledb_catalog.hypertable m ON m.id = a.mat_hypertable_id
  JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', a.user_view_schema, a.user_view_name));

-- A policy on a continuous aggregate goes by the name of the view that people know.
CREATE VIEW timescaledb_information.jobs AS
SELECT j.id AS job_id, j.application_name, j.schedule_interval, j.max_runtime, j.max_retries,
       j.retry_period, j.proc_schema, j.proc_name, j.owner, j.scheduled, j.fixed_schedule,
       j.config, s.next_start, j.initial_start,
       coalesce(a.user_view_schema, h.schema_name) AS hypertable_schema,
       coalesce(a.user_view_name, h.table_name) AS hypertable_name,
       j.check_schema, j.check_name
  FROM _timescaledb_config.bgw_job j
  LEFT JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.id
  LEFT JOIN _timescaledb_catalog.hypertable h ON h.id = j.hypertable_id
  LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.mat_hypertable_id = j.hypertable_id;

CREATE VIEW timescaledb_information.job_stats AS
SELECT j.hypertable_schema, j.hypertable_name, j.job_id, s.last_start AS last_run_started_at,
       s.last_successful_finish,
       CASE WHEN s.last_finish > '-infinity' THEN
            CASE WHEN s.last_run_success THEN 'Success' ELSE 'Failed' END END AS last_run_status,
       CASE WHEN s.next_start = '-infinity' THEN 'Running'
            WHEN NOT j.scheduled THEN 'Paused' ELSE 'Scheduled' END AS job_status,
       CASE WHEN isfinite(s.last_finish) THEN s.last_finish - s.last_start END
           AS last_run_duration,
       CASE WHEN j.scheduled THEN s.next_start END AS next_start,
       s.total_runs, s.total_successes, s.total_failures
  FROM timescaledb_information.jobs j
  JOIN _timescaledb_internal.bgw_job_stat s ON s.job_id = j.job_id;

GRANT SELECT ON ALL TABLES IN SCHEMA timescaledb_information, timescaledb_stand_in TO PUBLIC;
