//! The igain binary: see [`igain_node::cli`].

/// Gives back to the system what is free, and soon: the system's own allocator keeps most of it, in as many arenas as there are threads.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    igain_node::cli::main()
}
