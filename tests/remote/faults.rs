//! Faults of networks and gateways in single requests: never a panic, a hang, a double write, a
//! wrong value or a connection that stays spoilt.

mod answers;
mod connections;
mod every;
mod place;

use support::{d1, sqld};

/// The media type of the servers' answers.
const JSON: &str = "application/json";

macro_rules! on_each {
    ($($module:ident: $remote:ty;)+) => {
        $(
            mod $module {
                use super::*;

                #[test]
                fn a_fault_of_one_request_is_retried_or_an_error() {
                    every::every_fault::<$remote>();
                }

                #[test]
                fn a_fault_of_every_request_is_an_error_in_time() {
                    every::every_fault_for_ever::<$remote>();
                }

                #[test]
                fn too_many_requests_are_sent_again_when_the_server_says() {
                    answers::too_many_requests::<$remote>();
                }

                #[test]
                fn redirects_are_not_followed() {
                    answers::redirects::<$remote>();
                }

                #[test]
                fn a_huge_answer_is_read_or_refused() {
                    answers::a_huge_answer::<$remote>();
                }

                #[test]
                fn a_doubled_request_repeats_unprotected_writes_only() {
                    connections::doubled_requests::<$remote>();
                }

                #[test]
                fn a_server_that_takes_no_connection_is_an_error_in_time() {
                    connections::nobody_listens::<$remote>();
                }

                #[test]
                fn an_idle_connection_may_be_closed() {
                    connections::an_idle_connection_that_was_closed::<$remote>();
                }

                #[test]
                fn a_write_after_a_pause_takes_a_new_connection() {
                    connections::a_write_after_a_pause::<$remote>();
                }
            }
        )+
    };
}

on_each! {
    on_libsql: sqld::TestDb;
    on_d1: d1::TestDb;
}
