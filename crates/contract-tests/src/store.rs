//! What the [`Store`](rotator_core::store::Store) port means, case by case.
//!
//! `store_contract!(fresh)` runs every case as a test of its own; `fresh` is an async function that answers something
//! which derefs to an empty store. A case to add is a function in one of the modules and a name in the macro's list.
#![expect(missing_docs, reason = "a case's name says what it shows")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "assertions")]

mod audit;
mod concurrency;
mod configs;
mod error_samples;
mod instances;
mod keys;
mod notifications;
mod prices;
mod proxy_keys;
mod request_filters;
mod requests;
mod rests;
mod revision;
mod routes;
mod samples;
mod sessions;
mod stats;
pub mod transfer;
mod usage;

pub use audit::*;
pub use concurrency::*;
pub use configs::*;
pub use error_samples::*;
pub use instances::*;
pub use keys::*;
pub use notifications::*;
pub use prices::*;
pub use proxy_keys::*;
pub use request_filters::*;
pub use requests::*;
pub use rests::*;
pub use revision::*;
pub use routes::*;
pub use sessions::*;
pub use stats::*;
pub use usage::*;

/// Runs every case of the suite, each as a test.
#[macro_export]
macro_rules! store_contract {
    ($fresh:path) => {
        $crate::store_contract! { @each $fresh;
            a_config_reads_back_as_it_was_written
            an_unknown_config_is_none
            configs_are_listed_newest_first_in_pages
            the_ids_of_all_configs_are_listed
            configs_are_found_by_part_of_name_or_slug_in_either_case
            config_search_takes_wildcards_and_quotes_as_text
            configs_are_listed_by_type
            a_taken_slug_is_a_conflict
            replacing_a_config_changes_all_but_its_id_and_birth
            replacing_a_config_with_its_own_slug_is_no_conflict
            a_config_is_switched_on_and_off
            changing_an_unknown_config_is_not_found
            deleting_a_config_deletes_its_keys
            ids_are_never_used_twice
            every_field_takes_any_text
            keys_read_back_as_they_were_added
            an_unknown_key_is_none
            keys_of_an_unknown_config_are_not_found
            keys_are_listed_in_pages_in_the_order_they_were_added
            keys_are_listed_by_state
            keys_are_found_by_note_or_by_the_whole_key
            a_key_of_another_config_is_not_found_by_search
            duplicates_in_a_batch_are_counted
            keys_already_there_are_counted_as_duplicates
            keys_already_there_are_counted_before_any_is_added
            two_configs_may_have_the_same_key
            adding_no_keys_adds_none
            a_patch_changes_only_what_it_names
            a_deleted_key_is_gone
            changing_an_unknown_key_is_not_found
            keys_are_deleted_by_state
            keys_are_listed_and_deleted_by_set
            ids_are_listed_by_state_and_set
            keys_are_listed_and_deleted_by_quota_group
            keys_are_switched_on_and_off_together
            keys_that_are_put_back_are_on_and_it_is_known_since_when
            a_config_counts_its_keys_by_state
            rests_are_kept_by_key_and_model
            rests_of_a_key_are_replaced_and_others_stay
            a_key_that_is_gone_rests_no_more
            usage_adds_up
            usage_of_a_key_that_is_gone_is_passed_over
            the_last_use_never_goes_back
            route_sources_hold_every_config_with_every_key
            a_route_source_holds_one_config_with_its_keys
            proxy_keys_read_back_as_they_were_written
            a_proxy_key_is_there_once
            replacing_a_proxy_key_changes_its_terms_alone
            a_deleted_proxy_key_is_gone_and_its_id_is_not_used_again
            changing_an_unknown_proxy_key_is_not_found
            the_last_use_of_a_proxy_key_never_goes_back
            every_write_that_changes_the_snapshot_advances_the_revision
            what_changes_no_snapshot_leaves_the_revision
            writes_at_once_all_count
            prices_read_back_as_they_were_written
            prices_are_replaced_as_a_whole
            notifications_read_back_as_they_were_written
            every_write_is_audited
            an_action_without_a_row_is_audited
            an_action_on_many_keys_is_audited_with_their_number
            a_refused_write_leaves_no_audit_entry
            the_audit_log_holds_no_key
            audit_entries_come_newest_first
            a_revoked_session_is_listed_until_it_expires
            a_session_may_be_revoked_twice
            request_records_read_back_newest_first
            appending_no_records_appends_none
            request_records_are_listed_in_pages
            a_page_of_request_records_goes_on_after_any_of_them
            a_page_of_request_records_takes_any_cursor
            a_page_stays_where_it_is_while_request_records_are_appended
            a_page_of_request_records_outlives_those_that_are_pruned
            a_request_record_is_found_by_its_request
            request_records_are_found_by_service_and_key
            request_records_are_found_by_outcome
            request_records_are_found_by_status
            request_records_are_found_by_method_and_address
            request_records_are_found_by_part_of_the_path_in_either_case
            a_path_search_takes_wildcards_and_quotes_as_text
            request_records_are_found_by_when_they_ended
            request_records_are_found_by_time_although_they_are_not_quite_in_order
            request_records_are_found_by_duration_attempts_and_trace
            a_request_record_is_found_if_everything_holds
            old_request_records_are_pruned
            the_oldest_records_are_pruned_while_the_log_is_too_large
            pruning_in_pieces_takes_every_old_record
            nothing_came_of_no_requests
            requests_are_counted_step_by_step
            requests_are_counted_by_service_model_and_key
            requests_of_one_service_are_counted_alone
            absurd_counts_do_not_stop_the_counting
            hours_are_condensed_without_losing_a_count
            who_leads_no_more_condenses_and_deletes_nothing
            old_counts_are_deleted
            an_error_sample_reads_back_as_it_was_put
            of_error_samples_with_the_same_status_and_rule_the_newest_is_kept
            so_many_error_samples_of_a_config_are_kept_and_no_more
            error_samples_go_with_their_config
            old_error_samples_are_pruned
            one_of_many_inserts_of_a_slug_wins
            one_of_many_additions_of_a_key_adds_it
            fifty_writers_lose_nothing
            reading_goes_on_beside_writing
            an_instance_is_listed_as_it_told_last_until_it_leaves
            of_many_instances_one_leads
            a_leader_goes_on_leading_in_the_same_term
            who_leaves_leads_no_more
            who_beats_no_more_is_gone_and_another_leads
            the_store_answers_a_ping
        }
    };
    (@each $fresh:path; $($case:ident)*) => {$(
        #[tokio::test]
        async fn $case() {
            let fixture = $fresh().await;
            $crate::store::$case(&*fixture).await;
        }
    )*};
}
