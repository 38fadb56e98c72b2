//! The command `covara`; see `covara --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    covara_diesel::cli::main()
}
