//! What stops an import as a whole.

/// Why a file cannot be imported at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("the file cannot be read: {0}. Rows before line {1} were taken; run the import again when it can")]
    Read(std::io::Error, u64),
    /// Nothing in it.
    #[error("the file is empty. Check that it was saved and copied whole")]
    Empty,
    /// Two bytes a character.
    #[error("the file is in UTF-16. Save it as UTF-8 and import that")]
    Utf16,
    /// The first row is no header.
    #[error("line {line} is no header: {why}. Name the columns in the mapping with `header` if the file has none")]
    Header {
        /// Where it stands.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The mapping names a column that the file does not have.
    #[error("the mapping takes column `{column}`, which the file does not have. It has: {has}")]
    Column {
        /// The column.
        column: String,
        /// Those that are there.
        has: String,
    },
    /// A side file that the mapping does not know.
    #[error("the mapping joins no file called `{role}`. It joins: {known}")]
    Role {
        /// What was given.
        role: String,
        /// What it joins.
        known: String,
    },
    /// A side file that the mapping cannot do without.
    #[error("the mapping needs the file `{role}` beside the one imported. Give it with --join {role}=FILE")]
    MissingJoin {
        /// Which one.
        role: String,
    },
    /// A side file too large to be held in memory.
    #[error("the file joined as `{role}` holds more than {limit_mb} MB. Split both files by key and import the parts")]
    JoinTooLarge {
        /// Which one.
        role: String,
        /// The most that is taken.
        limit_mb: usize,
    },
    /// The rejects file cannot be written.
    #[error("rejected rows cannot be set aside: {0}. Give another place with --rejects")]
    Rejects(std::io::Error),
}

impl Error {
    /// The stable name of this kind of error, for machines.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Read(..) => "intake.read",
            Self::Empty => "intake.empty",
            Self::Utf16 => "intake.utf-16",
            Self::Header { .. } => "intake.header",
            Self::Column { .. } => "intake.column",
            Self::Role { .. } => "intake.role",
            Self::MissingJoin { .. } => "intake.missing-join",
            Self::JoinTooLarge { .. } => "intake.join-too-large",
            Self::Rejects(_) => "intake.rejects",
        }
    }
}
