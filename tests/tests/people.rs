//! Who asks has a name: real users of this machine at one daemon, each with what their roles give and no more.
//!
//! Acting as other users takes root; without it these tests say so and see nothing.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails loudly, and says what it does not see"
)]

mod people {
    mod log;
    mod reload;
    mod rights;
    mod session;
    mod socket;
    mod why;

    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::OnceLock;

    use igain_node::people::Group;
    use igain_tests::daemon::{Bureau, Said, binary, until};
    use serde_json::Value;
    use tempfile::TempDir;

    /// A group that every machine has.
    pub(crate) const GROUP: &str = "daemon";

    pub(crate) const ANALYST: u32 = 61_001;
    pub(crate) const CONTRIBUTOR: u32 = 61_002;
    pub(crate) const ADMINISTRATOR: u32 = 61_003;
    pub(crate) const AUDITOR: u32 = 61_004;
    pub(crate) const OPERATOR: u32 = 61_005;
    pub(crate) const STRANGER: u32 = 61_006;

    /// One person for each role.
    pub(crate) const PEOPLE: &str = r#"
person = [
    { name = "a.analyst", users = [61001], roles = ["analyst"] },
    { name = "c.contributor", users = [61002], roles = ["contributor"] },
    { name = "p.administrator", users = [61003], roles = ["policy-administrator"] },
    { name = "l.auditor", users = [61004], roles = ["auditor"] },
    { name = "o.operator", users = [61005], roles = ["operator"] },
]
"#;

    /// Why somebody asks.
    pub(crate) const WHY: [&str; 4] = ["--purpose", "investigation", "--case", "NBO/2026/17"];

    /// A mapping of tables of phone numbers.
    pub(crate) const MAPPING: &str = r#"
source = "people"
grading = "B2"
[label]
tlp = "green"
[[record]]
kind = "phone"
key = "{number}"
take = ["number"]
"#;

    /// No record.
    pub(crate) const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

    /// Whether this process may act as others.
    pub(crate) fn can_act_as_others() -> bool {
        let can = igain_node::people::own_uid() == 0;
        if !can {
            println!("SKIPPED: only root can act as other users");
        }
        can
    }

    /// The binary where other users can run it: the folder of the build may be closed to them.
    fn program() -> &'static Path {
        static PROGRAM: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
        let (_, path) = PROGRAM.get_or_init(|| {
            let folder = open_folder();
            let path = folder.path().join("igain");
            std::fs::copy(binary(), &path).expect("a copy");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
            (folder, path)
        });
        path
    }

    /// A folder that all can enter.
    pub(crate) fn open_folder() -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
        folder
    }

    /// A bureau whose users come through a socket of their group.
    pub(crate) struct Open {
        pub(crate) bureau: Bureau,
        pub(crate) folder: TempDir,
    }

    impl Open {
        /// Makes one with these people, and does not start it.
        pub(crate) fn init(id: &str, people: Option<&str>) -> Self {
            let (bureau, folder) = (Bureau::init(id), open_folder());
            let mut keys = format!("api = \"{}/api.sock\"\napi_group = \"{GROUP}\"\n", folder.path().display());
            if let Some(people) = people {
                bureau.write("people.toml", people);
                keys.push_str("people = \"people.toml\"\n");
            }
            bureau.configure(|text| keys + &text);
            Self { bureau, folder }
        }

        /// Makes one with these people and starts it.
        pub(crate) fn start(id: &str, people: Option<&str>) -> Self {
            let mut open = Self::init(id, people);
            open.bureau.run();
            open
        }

        /// Tries to start it, which must end at once, and gives what the daemon says.
        pub(crate) fn refused_start(&mut self) -> String {
            let said = self.bureau.log().len();
            self.bureau.spawn();
            until("the daemon to refuse", || self.bureau.has_ended().then_some(()));
            assert_eq!(self.bureau.ended(), Some(1));
            self.bureau.log().split_off(said)
        }

        pub(crate) fn socket(&self) -> PathBuf {
            self.folder.path().join("api.sock")
        }

        /// A command as a user in the group types it, with a folder of their own for their session.
        pub(crate) fn as_user(&self, uid: u32, args: &[&str]) -> Said {
            let gid = Group::named(GROUP).expect("groups").expect("the group").gid;
            self.as_user_of(uid, gid, args)
        }

        /// As [`Open::as_user`], in another group.
        pub(crate) fn as_user_of(&self, uid: u32, gid: u32, args: &[&str]) -> Said {
            let home = self.home(uid);
            let mut command = Command::new(program());
            command.current_dir(&home).arg("--socket").arg(self.socket()).args(args);
            command.env_clear().env("XDG_RUNTIME_DIR", &home).stdin(Stdio::null()).uid(uid).gid(gid);
            command.output().expect("a command").into()
        }

        /// The folder of a user.
        pub(crate) fn home(&self, uid: u32) -> PathBuf {
            let home = self.folder.path().join(uid.to_string());
            if !home.exists() {
                std::fs::create_dir(&home).expect("a home");
                std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o700)).expect("its mode");
                std::os::unix::fs::chown(&home, Some(uid), Some(uid)).expect("its owner");
            }
            home
        }

        /// A command of a user with `--json` that must succeed, and its data.
        pub(crate) fn json(&self, uid: u32, args: &[&str]) -> Value {
            let said = self.as_user(uid, &[args, &["--json"]].concat());
            assert_eq!(said.code, Some(0), "{uid} {args:?}: {said:?}\n{}", self.bureau.log());
            said.json()
        }

        /// The code of the problem in which a command of a user ends; empty where it succeeds.
        pub(crate) fn problem(&self, uid: u32, args: &[&str]) -> String {
            let said = self.as_user(uid, &[args, &["--json"]].concat());
            if said.code == Some(0) { String::new() } else { text(&said.problem()["code"]) }
        }

        /// What the auditor finds in the log.
        pub(crate) fn entries(&self, action: &str) -> Vec<Value> {
            let listed = self.json(AUDITOR, &["audit", "list", "--limit", "1000", "--action", action]);
            listed["entries"].as_array().expect("entries").clone()
        }

        /// Adds a record that can be shared, and gives its id.
        pub(crate) fn add(&self, number: &str) -> String {
            let number = format!("number={number}");
            let done =
                self.json(CONTRIBUTOR, &["record", "add", "phone", &number, "--tlp", "green", "--grading", "B2"]);
            text(&done["outcomes"][0]["id"])
        }
    }

    pub(crate) fn text(value: &Value) -> String {
        value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
    }
}
