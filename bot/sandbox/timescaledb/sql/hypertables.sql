-- Hypertables by inheritance. Times are kept as microseconds since 1970, numbers as they are.

CREATE FUNCTION _timescaledb_functions.to_timestamp(micros bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE micros WHEN 9223372036854775807 THEN 'infinity'
                       WHEN -9223372036854775808 THEN '-infinity'
           ELSE '1970-01-01 00:00+00'::timestamptz + micros * interval '1 microsecond' END
$$;

-- Not STRICT, or PostgreSQL could not put their bodies in place of the calls.
CREATE FUNCTION timescaledb_stand_in.to_internal(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE moment WHEN 'infinity' THEN 9223372036854775807
                       WHEN '-infinity' THEN -9223372036854775808
           ELSE (extract(epoch FROM moment) * 1000000)::bigint END
$$;
CREATE FUNCTION timescaledb_stand_in.to_internal(moment timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$ SELECT timescaledb_stand_in.to_internal(moment AT TIME ZONE 'UTC') $$;
CREATE FUNCTION timescaledb_stand_in.to_internal(day date) RETURNS bigint
LANGUAGE sql IMMUTABLE
AS $$ SELECT timescaledb_stand_in.to_internal(day::timestamp) $$;
CREATE FUNCTION timescaledb_stand_in.to_internal(number bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS 'SELECT number';
CREATE FUNCTION timescaledb_stand_in.to_internal(width interval) RETURNS bigint
LANGUAGE sql IMMUTABLE AS 'SELECT (extract(epoch FROM width) * 1000000)::bigint';

-- Buckets begin on Monday, 2000-01-03, as the documentation says; months are beyond a stand-in.
CREATE FUNCTION @extschema@.time_bucket(bucket_width interval, ts timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_bin(bucket_width, ts, '2000-01-03 00:00+00'::timestamptz) $$;
CREATE FUNCTION @extschema@.time_bucket(bucket_width interval, ts timestamp) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_bin(bucket_width, ts, '2000-01-03'::timestamp) $$;
CREATE FUNCTION @extschema@.time_bucket(bucket_width interval, ts date) RETURNS date
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT date_bin(bucket_width, ts::timestamp, '2000-01-03'::timestamp)::date $$;
CREATE FUNCTION @extschema@.time_bucket(bucket_width bigint, ts bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$ SELECT ts - ((ts % bucket_width) + bucket_width) % bucket_width $$;

CREATE FUNCTION timescaledb_stand_in.hypertable_of(relation regclass)
RETURNS _timescaledb_catalog.hypertable LANGUAGE sql STABLE AS $$
    SELECT h FROM _timescaledb_catalog.hypertable h
      JOIN pg_class c ON c.relname = h.table_name
       AND c.relnamespace::regnamespace = quote_ident(h.schema_name)::regnamespace
     WHERE c.oid = relation
$$;

CREATE FUNCTION timescaledb_stand_in.register(
    number int, relation regclass, time_column name, length bigint
) RETURNS void LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    place record;
BEGIN
    SELECT n.nspname, c.relname, a.atttypid INTO STRICT place
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = time_column
     WHERE c.oid = relation;
    INSERT INTO _timescaledb_catalog.hypertable
           (id, schema_name, table_name, associated_table_prefix)
    VALUES (number, place.nspname, place.relname, '_hyper_' || number);
    INSERT INTO _timescaledb_catalog.dimension
           (hypertable_id, column_name, column_type, interval_length)
    VALUES (number, time_column, place.atttypid, length);
    EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', relation, time_column);
    EXECUTE format('CREATE TRIGGER ts_stand_in_route AFTER INSERT ON %s FOR EACH STATEMENT'
                   ' EXECUTE FUNCTION timescaledb_stand_in.route_rows()', relation);
END $$;

CREATE FUNCTION @extschema@.create_hypertable(
    relation regclass, time_column_name name, chunk_time_interval anyelement DEFAULT NULL::bigint,
    create_default_indexes boolean DEFAULT true, if_not_exists boolean DEFAULT false,
    migrate_data boolean DEFAULT false
) RETURNS TABLE (hypertable_id int, schema_name name, table_name name, created boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    known _timescaledb_catalog.hypertable := timescaledb_stand_in.hypertable_of(relation);
    has_rows boolean;
    number int;
BEGIN
    IF known.id IS NOT NULL AND NOT if_not_exists THEN
        RAISE EXCEPTION 'table "%" is already a hypertable', known.table_name
              USING ERRCODE = 'TS110';
    ELSIF known.id IS NOT NULL THEN
        RETURN QUERY SELECT known.id, known.schema_name, known.table_name, false;
        RETURN;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', relation) INTO has_rows;
    IF has_rows AND NOT migrate_data THEN
        RAISE EXCEPTION 'table "%" is not empty', relation
              USING HINT = 'You can migrate data by specifying ''migrate_data => true''';
    END IF;
    number := nextval('_timescaledb_catalog.hypertable_id_seq');
    PERFORM timescaledb_stand_in.register(number, relation, time_column_name, coalesce(
        timescaledb_stand_in.to_internal(chunk_time_interval),
        timescaledb_stand_in.to_internal(interval '7 days')));
    IF create_default_indexes THEN
        EXECUTE format('CREATE INDEX ON %s (%I DESC)', relation, time_column_name);
    END IF;
    IF has_rows THEN
        PERFORM timescaledb_stand_in.route(relation);
    END IF;
    RETURN QUERY SELECT h.id, h.schema_name, h.table_name, true
                   FROM _timescaledb_catalog.hypertable h WHERE h.id = number;
END $$;

CREATE FUNCTION timescaledb_stand_in.route_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has_rows boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM ONLY %s)', TG_RELID::regclass) INTO has_rows;
    IF has_rows AND current_setting('timescaledb.restoring', true) = 'on' THEN
        RAISE EXCEPTION 'cannot INSERT into hypertable "%" during restore', TG_TABLE_NAME
              USING ERRCODE = '0A000', HINT = 'Set ''timescaledb.restoring'' to ''off'' after'
                                              ' the restore process has finished.';
    ELSIF has_rows THEN
        PERFORM timescaledb_stand_in.route(TG_RELID);
    END IF;
    RETURN NULL;
END $$;

-- Moves the rows a statement has just put into the hypertable itself into their chunks.
CREATE FUNCTION timescaledb_stand_in.route(relation regclass) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    number int := (timescaledb_stand_in.hypertable_of(relation)).id;
    dim _timescaledb_catalog.dimension;
    slot bigint;
BEGIN
    SELECT * INTO STRICT dim FROM _timescaledb_catalog.dimension WHERE hypertable_id = number;
    FOR slot IN EXECUTE format(
        'SELECT DISTINCT t - ((t %% $1) + $1) %% $1'
        ' FROM (SELECT timescaledb_stand_in.to_internal(%I) FROM ONLY %s) AS s(t) ORDER BY 1',
        dim.column_name, relation) USING dim.interval_length
    LOOP
        EXECUTE format(
            'WITH moved AS (DELETE FROM ONLY %s WHERE %s RETURNING *)'
            ' INSERT INTO %s SELECT * FROM moved',
            relation, timescaledb_stand_in.range_check(dim, slot),
            timescaledb_stand_in.chunk_at(number, dim, slot));
    END LOOP;
END $$;

CREATE FUNCTION timescaledb_stand_in.chunk_at(
    number int, dim _timescaledb_catalog.dimension, slot bigint
) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
    found_chunk regclass;
BEGIN
    FOR attempt IN 1..2 LOOP
        SELECT format('%I.%I', c.schema_name, c.table_name)::regclass INTO found_chunk
          FROM _timescaledb_catalog.chunk c
          JOIN _timescaledb_catalog.chunk_constraint k ON k.chunk_id = c.id
          JOIN _timescaledb_catalog.dimension_slice s ON s.id = k.dimension_slice_id
         WHERE c.hypertable_id = number AND s.range_start = slot;
        EXIT WHEN found_chunk IS NOT NULL;
        -- Another session may be making it: wait for its commit, then look again.
        PERFORM FROM _timescaledb_catalog.hypertable WHERE id = number FOR UPDATE;
    END LOOP;
    RETURN coalesce(found_chunk, timescaledb_stand_in.create_chunk(number, dim, slot));
END $$;

CREATE FUNCTION timescaledb_stand_in.create_chunk(
    number int, dim _timescaledb_catalog.dimension, slot bigint
) RETURNS regclass LANGUAGE plpgsql AS $$
DECLARE
    chunk_id int := nextval('_timescaledb_catalog.chunk_id_seq');
    slice_id int := nextval('_timescaledb_catalog.dimension_slice_id_seq');
    parent regclass;
    made text;
    made_name text;
    ix record;
BEGIN
    SELECT format('%I.%I', schema_name, table_name)::regclass,
           format('%s_%s_chunk', associated_table_prefix, chunk_id)
      INTO STRICT parent, made_name FROM _timescaledb_catalog.hypertable WHERE id = number;
    made := format('_timescaledb_internal.%I', made_name);
    EXECUTE format('CREATE TABLE %s (CONSTRAINT constraint_%s CHECK (%s)) INHERITS (%s)', made,
                   chunk_id, timescaledb_stand_in.range_check(dim, slot), parent);
    FOR ix IN SELECT i.relname, x.indisunique, pg_get_indexdef(i.oid) AS definition
                FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = parent
    LOOP
        EXECUTE format('CREATE %s INDEX %I ON %s %s', CASE WHEN ix.indisunique THEN 'UNIQUE' END,
                       left(made_name || '_' || ix.relname, 63), made,
                       substring(ix.definition FROM ' (USING .*)$'));
    END LOOP;
    EXECUTE format('ALTER TABLE %s OWNER TO %s', made,
                   (SELECT relowner::regrole FROM pg_class WHERE oid = parent));
    INSERT INTO _timescaledb_catalog.chunk (id, hypertable_id, schema_name, table_name)
    VALUES (chunk_id, number, '_timescaledb_internal', made_name);
    INSERT INTO _timescaledb_catalog.dimension_slice VALUES (
        slice_id, dim.id, slot, timescaledb_stand_in.slot_end(dim, slot));
    INSERT INTO _timescaledb_catalog.chunk_constraint
    VALUES (chunk_id, slice_id, 'constraint_' || slice_id);
    RETURN made::regclass;
END $$;

CREATE FUNCTION timescaledb_stand_in.slot_end(dim _timescaledb_catalog.dimension, slot bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT least(slot::numeric + dim.interval_length, 9223372036854775807)::bigint $$;

-- In the column's own type, so that the planner can leave chunks out.
CREATE FUNCTION timescaledb_stand_in.range_check(
    dim _timescaledb_catalog.dimension, slot bigint
) RETURNS text LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    is_number boolean := dim.column_type = ANY ('{smallint,int,bigint}'::regtype[]);
    slot_end bigint := timescaledb_stand_in.slot_end(dim, slot);
    low text := _timescaledb_functions.to_timestamp(slot);
    high text := _timescaledb_functions.to_timestamp(slot_end);
BEGIN
    IF is_number THEN
        RETURN format('%1$I >= %2$s AND %1$I < %3$s', dim.column_name, slot, slot_end);
    ELSIF high = 'infinity' THEN
        RETURN format('%I >= %L::%s', dim.column_name, low, dim.column_type);
    END IF;
    RETURN format('%1$I >= %2$L::%4$s AND %1$I < %3$L::%4$s', dim.column_name, low, high,
                  dim.column_type);
END $$;

CREATE FUNCTION timescaledb_stand_in.drop_chunks_before(relation regclass, bound bigint)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    number int := (timescaledb_stand_in.hypertable_of(relation)).id;
    old record;
BEGIN
    IF number IS NULL THEN
        RAISE EXCEPTION '"%" is not a hypertable or a continuous aggregate', relation;
    END IF;
    FOR old IN
        SELECT c.id, s.id AS slice, format('%I.%I', c.schema_name, c.table_name) AS name
          FROM _timescaledb_catalog.chunk c
          JOIN _timescaledb_catalog.chunk_constraint k ON k.chunk_id = c.id
          JOIN _timescaledb_catalog.dimension_slice s ON s.id = k.dimension_slice_id
         WHERE c.hypertable_id = number AND s.range_end <= bound ORDER BY s.range_start
    LOOP
        EXECUTE format('DROP TABLE %s', old.name);
        DELETE FROM _timescaledb_catalog.chunk WHERE id = old.id;
        DELETE FROM _timescaledb_catalog.dimension_slice WHERE id = old.slice;
        RETURN NEXT old.name;
    END LOOP;
END $$;

CREATE FUNCTION @extschema@.drop_chunks(relation regclass, older_than interval)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT timescaledb_stand_in.drop_chunks_before(
        relation, timescaledb_stand_in.to_internal(now() - older_than))
$$;
CREATE FUNCTION @extschema@.drop_chunks(relation regclass, older_than timestamptz)
RETURNS SETOF text LANGUAGE sql AS $$
    SELECT timescaledb_stand_in.drop_chunks_before(
        relation, timescaledb_stand_in.to_internal(older_than))
$$;

CREATE FUNCTION @extschema@.show_chunks(relation regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', c.schema_name, c.table_name)::regclass
      FROM _timescaledb_catalog.chunk c
     WHERE c.hypertable_id = (timescaledb_stand_in.hypertable_of(relation)).id ORDER BY c.id
$$;
CREATE FUNCTION @extschema@.show_chunks(relation regclass, older_than interval)
RETURNS SETOF regclass LANGUAGE sql STABLE AS $$
    SELECT format('%I.%I', c.schema_name, c.table_name)::regclass
      FROM _timescaledb_catalog.chunk c
      JOIN _timescaledb_catalog.chunk_constraint k ON k.chunk_id = c.id
      JOIN _timescaledb_catalog.dimension_slice s ON s.id = k.dimension_slice_id
     WHERE c.hypertable_id = (timescaledb_stand_in.hypertable_of(relation)).id
       AND s.range_end <= timescaledb_stand_in.to_internal(now() - older_than)
     ORDER BY c.id
$$;
