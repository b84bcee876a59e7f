"""The adapter's own tests, as they run on a real server, on the stand-in."""

# ruff: noqa: F401 - pytest collects what is imported

from tests.docker.postgres_adapter.test_databases import (
    test_a_database_comes_without_what_template1_holds,
    test_a_database_is_found_by_its_oid_after_a_rename,
    test_a_database_without_grants_of_its_own_gives_none,
    test_a_name_that_postgresql_would_cut_is_refused,
    test_a_new_database_is_like_the_old_one,
    test_a_shut_database_refuses_even_us_until_it_is_opened,
    test_dropping_ends_sessions_and_dropping_nothing_is_quiet,
    test_grants_limit_and_settings_are_carried_over_but_not_restoring,
    test_no_database_is_renamed_where_one_cannot_be,
    test_two_databases_change_places_in_one_transaction,
)
from tests.docker.postgres_adapter.test_server import (
    test_a_session_that_is_ended_is_unavailable_and_not_refused,
    test_a_setting_is_read_and_an_unknown_one_is_none,
    test_a_wrong_password_is_unavailable_and_not_repeated,
    test_an_error_keeps_row_data_to_itself,
    test_somebody_who_is_no_superuser_is_told_apart,
    test_the_image_names_the_extensions_it_ships,
    test_the_server_identifies_itself,
)
from tests.docker.postgres_adapter.test_sessions import (
    test_a_database_can_be_renamed_as_soon_as_its_sessions_are_ended,
    test_a_lock_is_held_by_one_and_free_again_afterwards,
    test_a_marked_session_is_seen_from_inside_the_container_while_it_lasts,
    test_leaving_a_lock_whose_connection_is_gone_is_quiet,
    test_many_sessions_end_together,
    test_our_own_sessions_are_not_listed,
)
from tests.docker.postgres_adapter.test_timescaledb import (
    database,
    plain,
    test_a_newest_row_that_takes_too_long_is_none,
    test_a_scheduler_that_was_stopped_comes_back_when_workers_are_restarted,
    test_a_version_the_image_lacks_is_refused,
    test_a_view_can_be_refreshed_from_midnight_of_the_oldest_chunk_or_not_at_all,
    test_an_inventory_holds_tables_chunks_and_indexes_but_nothing_of_an_extension,
    test_dates_count_as_utc_and_numbers_are_left_out_of_the_newest_row,
    test_jobs_are_listed_by_id_and_infinite_times_are_read,
    test_the_launcher_is_ended_alone,
    test_the_newest_row_is_found_and_infinity_is_none,
    test_timescaledb_is_found_in_whatever_schema_it_was_created,
    test_updating_is_the_sessions_first_statement,
    test_without_timescaledb_nothing_is_listed_and_calls_are_refused,
)
