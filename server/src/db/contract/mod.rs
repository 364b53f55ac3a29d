//! What every engine must do: one suite, run on each of them but SQL Server, of which there is no
//! server to test with: see `scripted` and `statements` for what is tested of it.

mod accounts;
mod audit;
mod broken;
mod changes;
mod engines;
mod foreign;
mod hosts;
mod people;
mod profiles;
mod samples;
#[cfg(feature = "sqlserver")]
mod scripted;
mod secrets;
#[path = "../../../tests/servers/mod.rs"]
mod servers;
mod webhooks;

pub(super) use engines::{Fresh, mariadb, postgres, sqlite};
use samples::{boot, name, release};
pub(super) use samples::{change, fill, import, import_one};

use super::*;
use crate::{
    machine::{AttemptId, State},
    secret::Digest,
    testing,
    time::{Seconds, Timestamp},
};
use bootmint_image_factory::host::{Host, HostName, Token};
use servers::Server;
use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

pub(super) const NOW: Timestamp = Timestamp::from_unix(1_000_000);

/// Makes a test of each function, for each engine.
macro_rules! contract {
    ($($module:ident: $($name:ident),+;)+) => {
        mod on_sqlite {
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$module::$name(&super::sqlite()).await;
            })+)+
        }
        mod on_postgres {
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::postgres().await {
                    super::$module::$name(&fresh).await;
                }
            })+)+
        }
        mod on_mariadb {
            $($(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(fresh) = super::mariadb().await {
                    super::$module::$name(&fresh).await;
                }
            })+)+
        }
    };
}

contract!(
    engines:
        a_database_is_opened_again_as_it_was_left;
    hosts:
        hosts_are_imported_once_and_updated,
        an_import_is_all_or_nothing,
        an_import_is_for_the_hosts_that_were_seen,
        a_token_of_a_feed_is_kept_sealed_and_goes_with_its_host,
        hosts_are_found_by_what_they_prove,
        hosts_are_found_by_their_asset_tags_if_one_has_it,
        asset_tags_of_older_hosts_are_known,
        due_hosts_come_in_the_order_of_their_times,
        a_host_is_edited_by_who_saw_its_generation,
        what_a_host_was_armed_for_ends_with_its_record,
        who_comes_by_what_another_was_known_by_is_not_new,
        two_hosts_may_swap_what_they_are_known_by;
    changes:
        every_state_reads_back,
        a_change_needs_the_generation_it_saw,
        of_many_writers_one_wins,
        an_answer_is_released_as_often_as_allowed,
        a_change_with_a_key_is_claimed_once;
    audit:
        logs_are_kept_and_forgotten,
        the_audit_chain_shows_what_was_touched,
        the_audit_log_is_read_by_host_and_by_filter,
        a_row_with_a_request_is_part_of_the_chain,
        notes_that_come_together_are_all_in_the_chain,
        old_rows_leave_for_an_archive_and_the_chain_holds,
        a_digest_that_was_noted_tells_a_chain_that_was_computed_anew,
        rows_that_no_archive_has_stay;
    secrets:
        secrets_are_kept_sealed_by_place_and_go_with_their_host;
    accounts:
        accounts_and_tokens_are_kept_and_end,
        changes_of_accounts_come_one_after_the_other,
        sessions_are_kept_and_end,
        a_session_goes_from_key_to_key,
        views_are_their_owners_alone,
        tries_are_counted_until_they_are_blocked;
    people:
        people_of_a_directory_are_found_and_looked_up_again,
        people_of_a_provider_are_asked_about_by_one_replica,
        a_sign_in_under_way_ends_once_and_in_time,
        a_code_of_a_second_factor_is_taken_once;
    profiles:
        versions_are_kept_and_the_newest_counts,
        of_two_authors_the_second_is_told,
        old_versions_go_but_those_that_are_installed_from,
        an_attempt_knows_its_version;
    webhooks:
        a_webhook_begins_where_the_log_ends_and_keeps_its_place,
        one_replica_at_a_time_holds_a_webhook,
        a_webhook_is_skipped_to_the_end;
);
