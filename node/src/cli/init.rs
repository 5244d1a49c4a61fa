//! `igain init`.

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use igain_protocol::bureau::BureauId;
use serde::Serialize;

use super::Error;
use super::context::Context;
use super::output::Output;
use super::page::Page;
use crate::config::{self, Config};
use crate::daemon;
use crate::keystore::{self, Cost, Keys, Source};
use crate::text;

const POLICY: &str = include_str!("init/policy.cedar");

/// What to make.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  igain init KE --name \"NCB Nairobi\"
  igain init FR-LYON --name \"Bureau régional de Lyon\" \\
    --data /var/lib/igain --config /etc/igain/igain.toml
  pass show igain | igain init KE --name \"NCB Nairobi\" --passphrase-fd 0")]
pub(super) struct Init {
    /// The country (ISO 3166-1 alpha-2), and perhaps an office: KE, FR-LYON
    bureau: BureauId,
    /// The bureau's full name, as others will see it
    #[arg(long)]
    name: String,
    /// The data folder
    #[arg(long, value_name = "FOLDER", default_value = "data")]
    data: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseFrom,
    /// Protect the keys with next to no work: for demonstrations and tests only
    #[arg(long, hide = true)]
    throw_away: bool,
}

/// Where the passphrase comes from; asked for where neither is given.
#[derive(Debug, Args)]
pub(super) struct PassphraseFrom {
    /// Read the passphrase from this file (mode 0600)
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from this open file descriptor
    #[arg(long, value_name = "NUMBER")]
    passphrase_fd: Option<u32>,
}

impl PassphraseFrom {
    /// The source that was named, or else systemd's credential, or else the terminal.
    pub(super) fn source(self) -> Source {
        Source::choose(self.passphrase_file, self.passphrase_fd, std::env::var_os("CREDENTIALS_DIRECTORY"))
    }

    /// That none is named, where none is needed.
    ///
    /// # Errors
    /// Where one is.
    pub(super) fn refuse_named(&self) -> Result<(), Error> {
        match (&self.passphrase_file, self.passphrase_fd) {
            (None, None) => Ok(()),
            _ => Err(Error::Usage("a passphrase is of use with --stopped alone: a daemon that runs has it".into())),
        }
    }

    /// The keys of the bureau, which the passphrase opens.
    ///
    /// # Errors
    /// Where they cannot be opened.
    pub(super) fn unlock(self, context: &Context) -> Result<Keys, Error> {
        let passphrase = self.source().read()?;
        Ok(keystore::unlock(&context.config()?.keystore(), &passphrase)?)
    }
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    bureau: String,
    config: PathBuf,
    data: PathBuf,
    keys: PathBuf,
    policy: PathBuf,
    card: PathBuf,
    fingerprint: String,
    words: Vec<String>,
}

/// Why no bureau is of a country, and what may be meant.
fn no_country(code: &str) -> String {
    let meant = text::country(code).map(|meant| format!("Did you mean {meant}? ")).unwrap_or_default();
    format!(
        "`{code}` is no country of ISO 3166-1. {meant}A regional bureau or the General Secretariat takes the country where it sits, and an \
         office: FR-IPSG, KE-RB"
    )
}

impl Init {
    pub(super) fn execute(self, context: &Context, output: &mut Output) -> Result<(), Error> {
        if !text::is_country(self.bureau.country()) {
            return Err(Error::Usage(no_country(self.bureau.country())));
        }
        let path = context.named_config().unwrap_or(Path::new("igain.toml")).to_owned();
        let written = config::template(self.bureau, &self.name, &self.data_for(&path)?);
        let config = Config::parse(&written, &path)?;
        for there in [&path, &config.keystore(), &config.data.join("store")] {
            if there.exists() {
                let detail = format!(
                    "`{}` is there already, and a bureau is made once. Where its keys are lost, restore them from their \
                     backup: others do not open its store. To make another bureau, name another folder and file",
                    there.display()
                );
                return Err(Error::Declined(detail));
            }
        }
        let source = self.passphrase.source();
        if source == Source::Prompt {
            output.say(
                "The passphrase opens this bureau's keys. Without it they are lost: write it down and lock it away.",
            );
        }
        let passphrase = source.read_new()?;
        let keys = Keys::draw()?;
        make_folder(&config.data)?;
        let cost = if self.throw_away { Cost::THROW_AWAY } else { Cost::STANDARD };
        keystore::create(&config.keystore(), &passphrase, &keys, cost)?;
        if !config.policy.exists() {
            write_new(&config.policy, POLICY)?;
        }
        write_new(&path, &written)?;
        let signed = daemon::found(&config, &keys)?;
        let card = config.data.join(format!("{}.card", self.bureau));
        write_new(&card, &signed.to_armor())?;
        let print = signed.card().signing.fingerprint();
        let made = Made {
            bureau: self.bureau.to_string(),
            keys: config.keystore(),
            data: config.data,
            policy: config.policy,
            config: path,
            card,
            fingerprint: print.to_string(),
            words: print.words().map(str::to_owned).to_vec(),
        };
        output.show(&made, render)
    }

    /// The data folder as the configuration at `path` names it: given relative to here, read relative to the file.
    fn data_for(&self, path: &Path) -> Result<PathBuf, Error> {
        let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match beside {
            Some(_) if self.data.is_relative() && self.data != Path::new("data") => {
                std::path::absolute(&self.data).map_err(Error::file("find", &self.data))
            }
            _ => Ok(self.data.clone()),
        }
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(Error::file("make the folder", folder))
}

fn write_new(path: &Path, text: &str) -> Result<(), Error> {
    use std::io::Write as _;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .map_err(Error::file("write", path))
}

fn render(made: &Made, page: &mut Page) {
    page.line(&page.strong(&format!("Bureau {} is made.", made.bureau)));
    page.blank();
    page.facts(&[
        ("configuration", made.config.display().to_string()),
        ("keys", made.keys.display().to_string()),
        ("policy", made.policy.display().to_string()),
        ("card", made.card.display().to_string()),
        ("fingerprint", made.fingerprint.clone()),
        ("in words", made.words.join(" ")),
    ]);
    page.blank();
    let option = if made.config == Path::new("igain.toml") {
        String::new()
    } else {
        format!(" --config {}", made.config.display())
    };
    page.line("What to do next:");
    page.line("  1. Back up the key file and the passphrase, apart from each other.");
    page.line(&format!(
        "  2. Set `listen`, and `addresses` and `contacts` under [card], in {}: the next start makes a new card of them.",
        made.config.display()
    ));
    page.line(&format!("  3. igain run{option}"));
    page.line(&format!(
        "  4. igain card export{option} > {}.card, and send it to the bureaus you work with.",
        made.bureau
    ));
    page.line("  5. When they have it, read them the fingerprint by telephone.");
}
