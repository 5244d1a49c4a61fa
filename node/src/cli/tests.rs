//! What is typed is understood, and refused with a hint where it is not.

use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path} says nothing of itself");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            assert!(arg.get_help().is_some(), "{path}: {} says nothing of itself", arg.get_id());
        }
        command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| check(sub, &path));
    }
    check(&Cli::command(), "");
}

#[test]
fn what_people_type_is_understood() {
    for line in [
        "igain init KE --name NCB",
        "igain run --config /etc/igain/igain.toml --passphrase-fd 3",
        "igain --json status",
        "igain status --json --socket /tmp/x.sock",
        "igain card export --out ke.card",
        "igain peer enrol fr.card --fingerprint 3F2A --tag europe --tag eu",
        "igain caf invite 0190163d-8694-739b-aea5-966c26f8ad91 FR BR=reader",
        "igain caf join 0190163d-8694-739b-aea5-966c26f8ad91 --only kinds=phone;owners=KE",
        "igain record add phone number=+254700 --tlp amber --handling H1,H2 --grading B2",
        "igain record add --file x.json",
        "igain record withdraw 0190163d-8694-739b-aea5-966c26f8ad91 --reason court --yes",
        "igain import x.csv --mapping m.toml --dry-run --set caf=1 --join alt=a.csv",
        "igain policy explain 0190163d-8694-739b-aea5-966c26f8ad91 BR",
        "igain policy explain 0190163d-8694-739b-aea5-966c26f8ad91 BR --purpose oversight --case C1",
        "igain query --phone 1 --purpose identify --case C1",
        "igain query --phone 1",
        "igain record show 0190163d-8694-739b-aea5-966c26f8ad91",
        "igain session start --purpose identify --case C1 --for 4h",
        "igain session end --json",
        "igain audit list --action query",
        "igain store verify",
        "igain backup create /mnt/backup --to-key age1x --to-key age1y --full",
        "igain backup create --pipe cat --to-keys recovery.keys --set offsite",
        "igain backup verify --identity recovery.key /mnt/backup --at x.age",
        "igain backup list /mnt/backup",
        "igain backup restore --identity recovery.key --from a.age --from b.age --data new",
        "igain completions zsh",
    ] {
        if let Err(error) = Cli::try_parse_from(line.split(' ')) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "igain",
        "igain init kenya --name NCB",
        "igain run --passphrase hunter2",
        "igain caf invite 0190163d-8694-739b-aea5-966c26f8ad91",
        "igain caf invite 0190163d-8694-739b-aea5-966c26f8ad91 FR=boss",
        "igain record add",
        "igain record add phone number",
        "igain record add --file x.json phone",
        "igain record show 0190163d",
        "igain import x.csv",
        "igain query --phone 1 --purpose identify",
        "igain record list --case C1",
        "igain backup create /mnt/backup",
        "igain backup create --to-key age1x",
        "igain backup create /mnt/backup --pipe cat --to-key age1x",
        "igain backup restore --identity recovery.key --from a.age",
        "igain session start --purpose identify",
        "igain session start --purpose identify --case C1 --for 2w",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
    }
}

#[test]
fn exit_codes_say_who_must_act() {
    use crate::api::{Problem, client};
    let refused = |problem| Error::Api(client::Error::Refused(problem)).exit_code();
    let cause = || std::io::Error::from(std::io::ErrorKind::NotFound);
    assert_eq!(Error::Usage("x".into()).exit_code(), 2);
    assert_eq!(Error::Api(client::Error::Unreachable { path: "x".into(), cause: cause() }).exit_code(), 3);
    assert_eq!(refused(Problem::absent("record.unknown", "x")), 4);
    assert_eq!(refused(Problem::malformed("x")), 1);
    assert_eq!(Error::Print(std::io::ErrorKind::BrokenPipe.into()).exit_code(), 0);
}

#[test]
fn the_policy_that_init_writes_is_sound_with_and_without_its_example() {
    let text = include_str!("init/policy.cedar");
    let policy = crate::policy::Policy::parse(text, "policy.cedar").unwrap();
    assert!(policy.rules().all(|rule| rule.author == crate::policy::Author::Baseline));
    let start = text.find("// @id").unwrap();
    let example: String = text[start..].lines().map(|line| format!("{}\n", line.trim_start_matches("// "))).collect();
    crate::policy::Policy::parse(&example, "policy.cedar").unwrap();
}
