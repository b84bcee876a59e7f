-- Continuous aggregates: a view for the definition, a hypertable for the rows, a view for people.

CREATE FUNCTION _timescaledb_functions.cagg_watermark(hypertable_id int) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    found_watermark bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM _timescaledb_catalog.continuous_agg a
                    WHERE a.mat_hypertable_id = hypertable_id) THEN
        RAISE EXCEPTION 'invalid materialized hypertable ID: %', hypertable_id;
    END IF;
    SELECT w.watermark INTO found_watermark FROM _timescaledb_catalog.continuous_aggs_watermark w
     WHERE w.mat_hypertable_id = hypertable_id;
    IF found_watermark IS NULL THEN
        RAISE EXCEPTION 'watermark not defined for continuous aggregate: %', hypertable_id;
    END IF;
    RETURN found_watermark;
END $$;

-- The view's row of the catalog, or an error that names the relation.
CREATE FUNCTION timescaledb_stand_in.aggregate_of(view regclass)
RETURNS _timescaledb_catalog.continuous_agg LANGUAGE plpgsql STABLE AS $$
DECLARE
    agg _timescaledb_catalog.continuous_agg;
BEGIN
    SELECT a.* INTO agg FROM _timescaledb_catalog.continuous_agg a
     WHERE to_regclass(format('%I.%I', a.user_view_schema, a.user_view_name)) = view;
    IF agg.mat_hypertable_id IS NULL THEN
        RAISE EXCEPTION 'relation "%" is not a continuous aggregate', view;
    END IF;
    RETURN agg;
END $$;

-- The hypertable that a view reads, directly or through another continuous aggregate.
CREATE FUNCTION timescaledb_stand_in.source_of(view regclass)
RETURNS TABLE (raw_id int, parent_id int) LANGUAGE sql STABLE AS $$
    SELECT h.id, a.mat_hypertable_id
      FROM pg_rewrite r
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
       AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> view
      JOIN pg_class c ON c.oid = d.refobjid
      LEFT JOIN _timescaledb_catalog.continuous_agg a ON a.user_view_name = c.relname
       AND a.user_view_schema = c.relnamespace::regnamespace::name
      JOIN _timescaledb_catalog.hypertable h ON h.id = a.mat_hypertable_id
        OR (h.table_name = c.relname AND h.schema_name = c.relnamespace::regnamespace::name)
     WHERE r.ev_class = view
     LIMIT 1
$$;

-- Stands for CREATE MATERIALIZED VIEW … WITH (timescaledb.continuous), which plain SQL cannot
-- learn. The query's first column must be time_bucket(bucket_width, …).
CREATE FUNCTION timescaledb_stand_in.create_continuous_aggregate(
    name text, query text, bucket_width interval, materialized_only boolean DEFAULT true
) RETURNS int LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    number int := nextval('_timescaledb_catalog.hypertable_id_seq');
    direct text := '_timescaledb_internal._direct_view_' || number;
    partial text := '_timescaledb_internal._partial_view_' || number;
    mat text := '_timescaledb_internal._materialized_hypertable_' || number;
    source record;
    bucket record;
BEGIN
    EXECUTE format('CREATE VIEW %s AS %s', direct, query);
    EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s', partial, direct);
    EXECUTE format('CREATE TABLE %s AS SELECT * FROM %s WITH NO DATA', mat, direct);
    SELECT * INTO source FROM timescaledb_stand_in.source_of(direct::regclass);
    IF source.raw_id IS NULL THEN
        RAISE EXCEPTION 'invalid continuous aggregate view'
              USING DETAIL = 'At least one hypertable should be used in the view definition.';
    END IF;
    SELECT attname, atttypid::regtype AS type INTO bucket FROM pg_attribute
     WHERE attrelid = mat::regclass AND attnum = 1;
    PERFORM timescaledb_stand_in.register(number, mat::regclass, bucket.attname,
        CASE WHEN source.parent_id IS NULL THEN 10 ELSE 1 END * (SELECT interval_length FROM _timescaledb_catalog.dimension
               WHERE hypertable_id = coalesce(source.parent_id, source.raw_id)));
    EXECUTE format('CREATE INDEX ON %s (%I DESC)', mat, bucket.attname);
    EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s', name, mat) || CASE
        WHEN materialized_only THEN '' ELSE format(
            ' UNION ALL SELECT * FROM %s WHERE %I >= _timescaledb_functions.to_timestamp('
            '_timescaledb_functions.cagg_watermark(%s))::%s',
            direct, bucket.attname, number, bucket.type) END;
    INSERT INTO _timescaledb_catalog.continuous_agg
    SELECT number, source.raw_id, source.parent_id, n.nspname, c.relname,
           '_timescaledb_internal', '_partial_view_' || number,
           '_timescaledb_internal', '_direct_view_' || number, materialized_only
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = name::regclass;
    INSERT INTO _timescaledb_catalog.continuous_aggs_bucket_function
    VALUES (number, format('%s(interval,%s)', '@extschema@.time_bucket', bucket.type), bucket_width);
    INSERT INTO _timescaledb_catalog.continuous_aggs_watermark VALUES (number, -210866803200000000);
    RETURN number;
END $$;

-- Recomputes the whole buckets inside a window; the bounds are moved inward to full buckets.
CREATE FUNCTION timescaledb_stand_in.refresh(view regclass, low timestamptz, high timestamptz)
RETURNS boolean LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    agg _timescaledb_catalog.continuous_agg := timescaledb_stand_in.aggregate_of(view);
    mat text := format('_timescaledb_internal._materialized_hypertable_%s', agg.mat_hypertable_id);
    dim _timescaledb_catalog.dimension;
    width interval;
    filter text;
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = view), 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of view %', agg.user_view_name USING ERRCODE = '42501';
    END IF;
    SELECT * INTO STRICT dim FROM _timescaledb_catalog.dimension d
     WHERE d.hypertable_id = agg.mat_hypertable_id;
    SELECT bucket_width INTO STRICT width FROM _timescaledb_catalog.continuous_aggs_bucket_function b
     WHERE b.mat_hypertable_id = agg.mat_hypertable_id;
    low := @extschema@.time_bucket(width, coalesce(low, '-infinity') + width
                                          - interval '1 microsecond');
    high := @extschema@.time_bucket(width, coalesce(high, 'infinity'));
    IF low >= high THEN
        RETURN false;
    END IF;
    -- Two refreshes of one view wait for each other, or rows would be there twice.
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', mat);
    filter := format('WHERE %1$I >= $1::%2$s AND %1$I < $2::%2$s', dim.column_name, dim.column_type);
    EXECUTE format('DELETE FROM %s %s', mat, filter) USING low, high;
    EXECUTE format('INSERT INTO %s SELECT * FROM %I.%I %s', mat, agg.partial_view_schema,
                   agg.partial_view_name, filter) USING low, high;
    EXECUTE format('UPDATE _timescaledb_catalog.continuous_aggs_watermark SET watermark = greatest('
                   'watermark, (SELECT timescaledb_stand_in.to_internal(max(%I)) FROM %s) + $1)'
                   ' WHERE mat_hypertable_id = $2', dim.column_name, mat)
    USING timescaledb_stand_in.to_internal(width), agg.mat_hypertable_id;
    RETURN true;
END $$;

CREATE PROCEDURE @extschema@.refresh_continuous_aggregate(
    continuous_aggregate regclass, window_start timestamptz, window_end timestamptz,
    force boolean DEFAULT false
) LANGUAGE plpgsql AS $$
BEGIN
    COMMIT;  -- fails inside a transaction block, as the real procedure does
    IF NOT timescaledb_stand_in.refresh(continuous_aggregate, window_start, window_end) THEN
        RAISE EXCEPTION 'refresh window too small' USING ERRCODE = '22023',
              DETAIL = 'The refresh window must cover at least one bucket of data.';
    END IF;
END $$;
