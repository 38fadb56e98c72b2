//! What each shared test needs and what each database has: which test runs where.
//!
//! The runner (`tests/runner`) reads this table. A shared test that a database's root does not
//! have is an error unless the database lacks something that the test needs.

use Need::{
    Clients, Command, ExactNumbers, File, Interleaved, LocalEngine, Locks, LostConnection,
    LostServer, NumbersAsTimes, OtherProcess, OwnSession, PlainDoctor, PoolSettings, RawBegin,
    ReadOnly, RefusedLine, Transactions, Waiting,
};

/// Something that not every database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Three or more clients that work at once.
    Clients,
    /// Every part of the command `covara`, not just its URLs.
    Command,
    /// Numbers of 64 bits, and more than 100 values in a statement.
    ExactNumbers,
    /// Rows that are elsewhere than in this process.
    File,
    /// Clients that go on while another one has a transaction open.
    Interleaved,
    /// An engine that is reached without HTTP.
    LocalEngine,
    /// A client that waits for another's lock, for a time that its session sets.
    Locks,
    /// A connection that can be ended from outside.
    LostConnection,
    /// A server that can be lost.
    LostServer,
    /// Internal tables whose times are numbers.
    NumbersAsTimes,
    /// Other processes that see the same database.
    OtherProcess,
    /// A session of the client's own, for what cannot be in a transaction.
    OwnSession,
    /// A doctor without a warning about the way to the server.
    PlainDoctor,
    /// Limits and settings of a pool that are not those of SQLite's files.
    PoolSettings,
    /// Transactions that the caller begins by SQL.
    RawBegin,
    /// A session that is read-only without others being so.
    ReadOnly,
    /// An error that names the refused line of a file.
    RefusedLine,
    /// Transactions that span several calls.
    Transactions,
    /// Connections that wait for one another instead of failing at once.
    Waiting,
}

/// A database that the shared tests run on.
pub struct Database {
    pub name: &'static str,
    /// The test program, `tests/<program>.rs`.
    pub program: &'static str,
    /// The value of `COVARA_TEST_ROW`; none for what the program runs on by itself.
    pub row: Option<&'static str>,
    /// Tests that run at once.
    pub threads: usize,
    /// Tests that run on it with `--everything` only.
    pub later: &'static [&'static [&'static str]],
    pub lacks: &'static [&'static [(Need, &'static str)]],
}

/// What HTTP cannot have, or `tests/remote` has instead.
const OVER_HTTP: &[(Need, &str)] = &[
    (
        Command,
        "what takes more than the URL runs on SQLite files and PostgreSQL; see `command_urls`",
    ),
    (File, "no file of its own"),
    (
        LocalEngine,
        "no part of the connection; runs on SQLite files",
    ),
    (Locks, "waiting for others is the server's business"),
    (
        LostConnection,
        "in `remote`, with faults that only networks have",
    ),
    (
        LostServer,
        "in `remote`, with faults that only networks have",
    ),
    (
        PlainDoctor,
        "the doctor finds less there; see `command_urls`",
    ),
];

const POSTGRES: &[(Need, &str)] = &[(NumbersAsTimes, "its times are of a type of their own")];

pub const DATABASES: &[Database] = &[
    Database {
        name: "PostgreSQL",
        program: "postgres",
        row: None,
        // Many of its tests wait for time-outs.
        threads: 6,
        later: &[READING],
        lacks: &[POSTGRES],
    },
    Database {
        name: "libSQL",
        program: "libsql",
        row: None,
        threads: 3,
        later: &[DEEP, ENGINE],
        lacks: &[
            OVER_HTTP,
            &[
                (PoolSettings, "in `remote::pools`"),
                (RawBegin, "the connection refuses `BEGIN` by hand"),
                (ReadOnly, "read-only tokens are in `remote`"),
            ],
        ],
    },
    Database {
        name: "D1",
        program: "d1",
        row: None,
        threads: 3,
        later: &[DEEP, UNBATCHED],
        lacks: &[
            OVER_HTTP,
            &[
                (
                    ExactNumbers,
                    "it refuses numbers beyond 2^53, and takes 100 values in a statement",
                ),
                (ReadOnly, "it has no read-only sessions"),
                (RefusedLine, "a refused batch does not name its line"),
                (
                    Transactions,
                    "it has none; that they are refused is in `remote`",
                ),
            ],
        ],
    },
    Database {
        name: "Neon over HTTP",
        program: "neon",
        row: None,
        threads: 3,
        later: &[DEEP, UNBATCHED],
        lacks: &[
            OVER_HTTP,
            POSTGRES,
            &[
                (PoolSettings, "in `remote::neon`"),
                (RawBegin, "the connection refuses `BEGIN` by hand"),
                (ReadOnly, "it has no read-only sessions"),
                (RefusedLine, "a refused batch does not name its line"),
                (
                    Transactions,
                    "it has none; that they are refused is in `remote::neon`",
                ),
            ],
        ],
    },
    Database {
        name: "SQLite file",
        program: "sqlite",
        row: None,
        threads: 3,
        later: &[],
        lacks: &[&[
            (LostConnection, "there is no server to lose"),
            (LostServer, "there is no server to lose"),
        ]],
    },
    Database {
        name: "PGlite",
        program: "postgres",
        row: Some("pglite"),
        threads: 2,
        later: &[DEEP, ENGINE],
        lacks: &[
            POSTGRES,
            &[
                (
                    Interleaved,
                    "while one client has a transaction, all others wait, for any time",
                ),
                (
                    Clients,
                    "PGlite's server mixes up the messages of three clients that work at once",
                ),
                (
                    Locks,
                    "while one client has a transaction, all others wait, for any time",
                ),
                (LostConnection, "all clients are one session"),
                (LostServer, "all clients are one session"),
                (
                    PlainDoctor,
                    "the doctor tells of PGlite, as `postgres::pglite` wants",
                ),
                (ReadOnly, "a session that is read-only is everybody's"),
            ],
        ],
    },
    Database {
        name: "PgBouncer",
        program: "postgres",
        row: Some("pgbouncer"),
        threads: 3,
        later: &[DEEP, ENGINE],
        lacks: &[
            POSTGRES,
            &[
                (OwnSession, "the pooler lends its sessions by transaction"),
                (Locks, "the setting of a session is other clients' too"),
                (
                    LostServer,
                    "the pooler puts a new session in the place of one that is lost",
                ),
                (
                    PlainDoctor,
                    "the doctor warns of the pooler, as `postgres::poolers` wants",
                ),
                (ReadOnly, "the setting of a session is other clients' too"),
            ],
        ],
    },
    Database {
        name: "SQLite memory",
        program: "sqlite",
        row: Some("memory"),
        threads: 3,
        later: &[DEEP, ENGINE],
        lacks: &[&[
            (File, "the rows are in memory because the database is"),
            (
                Locks,
                "connections that share memory refuse each other at once, whatever the time-out",
            ),
            (LostConnection, "there is no server to lose"),
            (LostServer, "there is no server to lose"),
            (
                Waiting,
                "connections that share memory refuse each other at once, whatever the time-out",
            ),
            (OtherProcess, "no other process sees it"),
            (ReadOnly, "it cannot be opened read-only"),
        ]],
    },
];

/// Which tests need what. A name that ends in `::` is that of a module below `tests/suite`, others
/// are those of tests in whatever module.
pub const NEEDS: &[(&str, &[Need])] = &[
    ("auth::api_key_timing::", &[LocalEngine]),
    ("auth::api_key_courtesy::", &[Locks, ReadOnly]),
    ("auth::concurrency::", &[OtherProcess, Clients]),
    ("auth::courtesy::", &[Locks, ReadOnly]),
    ("auth::failures::", &[LocalEngine]),
    ("auth::transactions::", &[Transactions]),
    ("bounds::", &[LocalEngine]),
    ("changes::command::", &[OtherProcess]),
    (
        "changes::concurrency::",
        &[Clients, OtherProcess, Transactions, Waiting],
    ),
    ("changes::context::", &[Transactions]),
    (
        "changes::feeds::what_is_processed_is_kept_with_the_position_or_not_at_all",
        &[Transactions],
    ),
    ("changes::model::", &[Transactions]),
    ("command::", &[Command]),
    ("command::dry_run::", &[OtherProcess]),
    ("command_urls::", &[OtherProcess]),
    ("doctor::", &[Command]),
    (
        "dump::snapshot::",
        &[Clients, Interleaved, Transactions, Waiting],
    ),
    ("fixtures::described::", &[RefusedLine]),
    ("fixtures::errors::", &[RefusedLine]),
    ("fixtures::options::", &[LocalEngine]),
    ("fixtures::values::", &[LocalEngine]),
    ("harness::", &[Transactions]),
    ("nested::", &[Transactions]),
    ("open::", &[LocalEngine]),
    ("open_queries::", &[Clients, Transactions]),
    ("program::", &[Command]),
    ("progress::", &[Command]),
    ("search::concurrency::", &[OtherProcess]),
    ("search::read_only::", &[ReadOnly]),
    ("search::interleaved::", &[Interleaved]),
    ("search::lists::", &[ExactNumbers]),
    ("search::overlap::", &[Clients, Transactions, Waiting]),
    ("search::transactions::", &[Transactions]),
    ("seed_large::", &[File]),
    ("seed_model::", &[Transactions]),
    ("seed_references_nested::", &[Transactions]),
    ("transactions::", &[Transactions]),
    ("transactions::left_open::", &[Interleaved]),
    ("transactions::unknown::", &[RawBegin]),
    (
        "times_with_a_fraction_are_read_rounded_down",
        &[NumbersAsTimes],
    ),
    ("unwritable::", &[LocalEngine]),
    (
        "a_dry_run_reports_what_would_run_and_changes_nothing",
        &[OtherProcess],
    ),
    (
        "a_lock_that_is_not_free_in_time_is_the_error_locked",
        &[Locks],
    ),
    ("a_locked_database_is_the_error_locked", &[Locks]),
    (
        "a_connection_lost_during_a_seed_is_an_error",
        &[LostConnection],
    ),
    ("a_lost_server_is_an_error_everywhere", &[LostServer]),
    ("a_migrated_database_is_healthy", &[PlainDoctor]),
    (
        "many_rows_of_a_file_take_little_memory",
        &[File, LocalEngine],
    ),
    ("a_test_transaction_stays_open", &[Waiting]),
    ("a_test_transaction_with_an_observer_stays_open", &[Waiting]),
    (
        "a_seed_of_a_read_only_database_is_the_error_read_only",
        &[ReadOnly],
    ),
    (
        "a_boot_of_a_read_only_database_fails_unless_it_is_migrated",
        &[ReadOnly],
    ),
    (
        "a_read_only_database_refuses_writes_and_can_be_read",
        &[ReadOnly],
    ),
    (
        "a_seed_that_is_killed_leaves_all_or_nothing",
        &[OtherProcess],
    ),
    (
        "a_table_that_does_not_fit_fails_a_dry_run_too",
        &[OtherProcess],
    ),
    (
        "an_observer_panic_undoes_nothing_of_a_transaction_begun_by_sql",
        &[Interleaved, Waiting],
    ),
    (
        "many_rows_are_dumped_in_little_memory",
        &[File, LocalEngine],
    ),
    (
        "large_rows_are_seeded_and_dumped_in_bounded_memory",
        &[File, LocalEngine],
    ),
    ("eight_processes_boot_at_once", &[OtherProcess, Clients]),
    (
        "eight_processes_boot_with_the_applications_migrations",
        &[Clients, OtherProcess, OwnSession],
    ),
    (
        "eight_processes_install_a_log_at_once",
        &[Clients, OtherProcess],
    ),
    ("eight_threads_boot_at_once", &[Clients, Waiting]),
    ("eight_threads_read_and_then_write", &[Clients, Waiting]),
    (
        "eight_threads_never_take_more_than_the_stock",
        &[Clients, Waiting],
    ),
    ("every_kind_of_file_is_taken", &[OtherProcess]),
    (
        "status_waits_for_no_migrator_and_needs_no_right_to_write",
        &[Locks, ReadOnly],
    ),
    ("migrating_again_does_nothing", &[OtherProcess]),
    ("processes_that_add_fields_at_once_add_all", &[Clients]),
    (
        "processes_that_create_one_index_at_once_all_succeed",
        &[Clients],
    ),
    (
        "processes_that_index_the_same_ids_at_once_end_with_one_version_each",
        &[Clients],
    ),
    (
        "processes_that_search_an_old_index_at_once_all_find_all",
        &[Clients, OtherProcess],
    ),
    ("real_files_are_seeded_once", &[OtherProcess]),
    ("status_lists_each_migration", &[OtherProcess]),
    (
        "the_doctor_reports_versions_pool_and_settings",
        &[OtherProcess, PlainDoctor],
    ),
    ("the_open_example_runs_with_the_url", &[OtherProcess]),
    (
        "the_second_run_reports_no_migration_and_nothing_inserted",
        &[OtherProcess],
    ),
    ("two_connections_seed_the_same_table_at_once", &[Waiting]),
    (
        "two_searchers_beside_writers_lose_no_row",
        &[Clients, Waiting],
    ),
    (
        "a_bad_file_is_reported_and_nothing_is_kept",
        &[OtherProcess],
    ),
    ("fixtures::a_reader_of_any_kind_is_streamed", &[LocalEngine]),
    (
        "fixtures::columns_may_be_in_any_order_with_a_byte_order_mark_and_crlf",
        &[LocalEngine],
    ),
    ("fixtures::every_kind_of_source_is_read", &[LocalEngine]),
    ("fixtures::files_without_rows_do_nothing", &[LocalEngine]),
    (
        "fixtures::the_real_cities_are_read_from_every_kind_of_file",
        &[LocalEngine],
    ),
    ("pool::", &[PoolSettings]),
];

/// What is proven of the library on one SQLite and one PostgreSQL, and of whose result the other
/// databases decide nothing. They run it with `tests/run --everything`.
pub const DEEP: &[&str] = &[
    "auth::properties::",
    "bounds::",
    "changes::model::",
    "command::",
    "dump::memory::",
    "dump::round_trip::each_value_is_read_back_or_refused",
    "fixtures::errors::",
    "fixtures::options::",
    "fixtures::values::",
    "program::",
    "progress::",
    "search::cities::",
    "search::highlights::",
    "search::model::",
    "search::odd::",
    "search::orders::",
    "search::random::",
    "seed_large::",
    "seed_model::",
    "many_rows_of_a_file_take_little_memory",
    "a_violation_names_table_and_row_and_nothing_is_kept",
    "killed_while_a_field_is_added_it_is_there_or_not_and_no_word_is_lost",
    "killed_while_indexing_many_documents_and_words_agree",
    "many_documents_of_any_number_of_columns_are_written",
    "the_real_cities_are_read_from_every_kind_of_file",
    "seeding_the_real_cities_twice_inserts_them_once",
    "the_result_is_that_of_the_naive_model",
];

/// What the engine decides, and not the way to it or where it keeps its rows.
pub const ENGINE: &[&str] = &[
    "adoption::",
    "auth::api_key_timing::",
    "auth::interop::",
    "auth::lists::",
    "auth::odd_data::",
    "auth::session_ends::",
    "fixtures::described::",
    "search::documents::",
    "search::fields::",
    "search::indexes::",
    "search::lists::",
    "search::mended::",
    "search::queries::",
    "search::versions::",
    "seed_errors::",
    "status::",
    "unwritable::",
];

/// What does not depend on how statements are sent: D1, which takes batches instead of
/// transactions, runs it with `--everything` only.
pub const UNBATCHED: &[&str] = &[
    "adoption::",
    "auth::interop::",
    "auth::lists::",
    "auth::odd_data::",
    "interop::",
    "search::queries::",
    "status::",
    "killed_while_it_is_brought_up_to_date_an_index_loses_no_hit",
    "signs_and_emoji_are_found_once_an_index_of_version_2_is_up_to_date",
    "an_interrupted_addition_of_fields_leaves_no_document_out",
    "searched_fields_can_be_added_up_to_the_last",
    "ten_thousand_rows_may_refer_to_each_other_in_any_order",
];

/// What is decided before a database is asked; proven with SQLite, and with `--everything` on
/// PostgreSQL too.
pub const READING: &[&str] = &[
    "blank_lines_take_no_memory",
    "rows_of_more_fields_than_a_table_has_are_refused_before_they_are_held",
    "the_longest_row_takes_a_few_times_its_length",
    "the_names_of_a_header_are_compared_in_linear_time",
];

/// What runs before a release only, with `tests/run --everything`.
pub const RELEASE: &[&str] = &[
    // Compiles libpq and OpenSSL's part of it: four minutes on two cores.
    "postgres::tls::the_libpq_that_is_compiled_in_does_the_same",
];
