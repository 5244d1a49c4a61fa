//! The igain binary: see [`igain_node::cli`].

fn main() -> std::process::ExitCode {
    igain_node::cli::main()
}
