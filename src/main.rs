//! The command `berry-image`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    berry_image::cli::run()
}
