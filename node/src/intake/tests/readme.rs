//! The examples of the description of the language.

use super::*;

/// Every example that is a whole mapping is one: those that are not do not begin with `source`.
#[test]
fn the_examples_of_the_readme_are_mappings() {
    let text = std::fs::read_to_string(repository().join("configs/mappings/README.md")).unwrap();
    let examples: Vec<&str> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let whole = examples.iter().filter(|example| example.starts_with("source")).count();
    assert!(whole >= 5, "{whole}");
    for example in examples {
        let text = match example.starts_with("source") {
            true => example.to_owned(),
            false if example.contains("[[record]]") => {
                format!("source = \"example\"\nlabel = {{ tlp = \"green\" }}\n{example}")
            }
            false => format!(
                "source = \"example\"\nlabel = {{ tlp = \"green\" }}\n[[record]]\nname = \"someone\"\nkind = \"person\"\nkey = \"{{id}}\"\n{example}"
            ),
        };
        let variables = BTreeMap::new();
        if let Err(error) = Mapping::parse(&text, "README.md", &variables) {
            panic!("{error}\n{text}");
        }
    }
}
