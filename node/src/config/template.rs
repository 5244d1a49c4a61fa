//! The file that `igain init` writes.

use std::path::Path;

use igain_protocol::bureau::BureauId;

/// The text of a new configuration: every key with its meaning, those that have a default commented out.
///
/// `data` is written as given; a relative path is read as relative to the file.
pub fn template(bureau: BureauId, name: &str, data: &Path) -> String {
    let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
    include_str!("template.toml")
        .replace("\"@bureau\"", &quote(bureau.as_str()))
        .replace("\"@name\"", &quote(name))
        .replace("\"@data\"", &quote(&data.display().to_string()))
}
