//! `igain completions`.

use igain_tests::daemon::Bureau;

#[test]
fn every_shell_gets_its_script() {
    let ke = Bureau::init("KE");
    for (shell, word) in [("bash", "complete -F"), ("zsh", "#compdef igain"), ("fish", "complete -c igain")] {
        let said = ke.igain(&["completions", shell]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(said.out.contains(word), "{shell}");
        for command in ["init", "policy", "withdraw", "purpose", "completions"] {
            assert!(said.out.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(ke.igain(&["completions", "cmd"]).code, Some(2));
}

/// The script for bash completes, in bash itself.
#[test]
fn bash_completes_commands_and_words() {
    let ke = Bureau::init("KE");
    let script = ke.igain(&["completions", "bash"]).out;
    ke.write("igain.bash", &script);
    let complete = |words: &[&str]| {
        let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = words.len() - 1;
        let line = format!(
            "source ./igain.bash; COMP_WORDS=({list}); COMP_CWORD={last}; _igain igain '{}' '{}'; echo \"${{COMPREPLY[@]}}\"",
            words[last],
            words[last - 1]
        );
        let shell = std::process::Command::new("bash").args(["-c", &line]).current_dir(ke.folder()).output();
        String::from_utf8(shell.expect("bash").stdout).expect("text").trim().to_owned()
    };
    assert_eq!(complete(&["igain", "stat"]), "status");
    assert_eq!(complete(&["igain", "record", "with"]), "withdraw");
    assert_eq!(complete(&["igain", "query", "--pass"]), "--passport");
}
