//! The socket that a group may open.

use std::os::unix::fs::MetadataExt as _;

use super::*;

/// Seen to fail when the socket is everybody's, and when it stays the daemon's alone.
#[test]
fn a_group_may_open_the_socket_and_others_hear_why_not() {
    if !can_act_as_others() {
        return;
    }
    let mut open = Open::start("KE", Some(PEOPLE));
    let about = std::fs::metadata(open.socket()).expect("a socket");
    let gid = Group::named(GROUP).expect("groups").expect("the group").gid;
    assert_eq!((about.mode() & 0o777, about.gid()), (0o660, gid));
    let outside = open.as_user_of(ANALYST, 61_999, &["status", "--json"]);
    assert_eq!((outside.code, text(&outside.problem()["code"])), (Some(3), "daemon.closed".into()));
    assert!(text(&outside.problem()["detail"]).contains("api_group"), "{outside:?}");

    open.bureau.stop();
    open.bureau.configure(|text| text.replace(&format!("api_group = \"{GROUP}\"\n"), ""));
    open.bureau.run();
    let about = std::fs::metadata(open.socket()).expect("a socket");
    assert_eq!((about.mode() & 0o777, about.gid()), (0o600, 0));
}

/// Seen to fail when folders are not looked at: the daemon then runs, and nobody can come to it.
#[test]
fn a_socket_that_the_group_cannot_come_to_is_not_opened() {
    if !can_act_as_others() {
        return;
    }
    let mut open = Open::init("KE", Some(PEOPLE));
    std::fs::set_permissions(open.folder.path(), std::fs::Permissions::from_mode(0o700)).expect("its mode");
    let said = open.refused_start();
    let why = format!("cannot enter the folder `{}`", open.folder.path().display());
    assert!(said.contains(&why) && said.contains("chmod"), "{said}");

    open.bureau.configure(|text| text.replace(GROUP, "no-such-group"));
    let said = open.refused_start();
    assert!(said.contains("there is no such group") && said.contains("SupplementaryGroups"), "{said}");
    assert!(!open.socket().exists());
}
