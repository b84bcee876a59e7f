-- The sample: sensors, and the guide's four continuous aggregates with their policies.

CREATE TABLE sensors (id int PRIMARY KEY, name text NOT NULL UNIQUE, unit text NOT NULL);
INSERT INTO sensors VALUES
    (1, 'boiler flow', '°C'), (2, 'boiler return', '°C'), (3, 'hall', '°C'), (4, 'outdoors', '°C');

CREATE TABLE influx_data (
    time timestamptz NOT NULL,
    sensor_id int NOT NULL,
    value double precision NOT NULL
);
SELECT public.create_hypertable('influx_data', 'time', chunk_time_interval => interval '1 day');
CREATE INDEX influx_data_sensor_time ON influx_data (sensor_id, time DESC);

-- Readings of a time span: a daily swing for each sensor, every two minutes.
CREATE FUNCTION take_readings(since timestamptz, until timestamptz) RETURNS bigint
LANGUAGE sql AS $$
    WITH taken AS (
        INSERT INTO influx_data
        SELECT t, s.id, 20 * s.id + 5 * sin(extract(epoch FROM t) * 2 * pi() / 86400)
          FROM generate_series(since, until - interval '1 microsecond', interval '2 minutes') t,
               sensors s
        RETURNING 1)
    SELECT count(*) FROM taken
$$;

SELECT timescaledb_stand_in.create_continuous_aggregate('influx_agg_1m', $$
    SELECT public.time_bucket('1 minute', time) AS bucket, sensor_id,
           avg(value) AS average, count(*) AS samples
      FROM influx_data GROUP BY 1, 2$$, '1 minute');
SELECT timescaledb_stand_in.create_continuous_aggregate('influx_agg_10m', $$
    SELECT public.time_bucket('10 minutes', bucket) AS bucket, sensor_id,
           avg(average) AS average, sum(samples) AS samples
      FROM influx_agg_1m GROUP BY 1, 2$$, '10 minutes');
SELECT timescaledb_stand_in.create_continuous_aggregate('influx_agg_1h', $$
    SELECT public.time_bucket('1 hour', bucket) AS bucket, sensor_id,
           avg(average) AS average, sum(samples) AS samples
      FROM influx_agg_10m GROUP BY 1, 2$$, '1 hour');
SELECT timescaledb_stand_in.create_continuous_aggregate('influx_agg_1d', $$
    SELECT public.time_bucket('1 day', bucket) AS bucket, sensor_id,
           avg(average) AS average, sum(samples) AS samples
      FROM influx_agg_1h GROUP BY 1, 2$$, '1 day');

-- Each first start lies ahead, so that building the sample and running its jobs don't meet.
SELECT public.add_continuous_aggregate_policy('influx_agg_1m', '1 day', '10 minutes', '1 minute',
    initial_start => now() + interval '1 minute');
SELECT public.add_continuous_aggregate_policy('influx_agg_10m', '3 days', '1 hour', '10 minutes',
    initial_start => now() + interval '1 minute');
SELECT public.add_continuous_aggregate_policy('influx_agg_1h', '7 days', '1 day', '1 hour',
    initial_start => now() + interval '1 minute');
SELECT public.add_continuous_aggregate_policy('influx_agg_1d', '30 days', '7 days', '1 day',
    initial_start => now() + interval '1 minute');
-- Shorter than the readings go back: a restore that let it run at once would lose its oldest day.
SELECT public.add_retention_policy('influx_data', interval '8 days',
    initial_start => now() + interval '1 day');
