//! The sample records of `configs/demo`, which are part of the program.

/// One file of records, and the mapping beside it.
pub(super) struct Sample {
    folder: &'static str,
    /// The name of the file.
    pub(super) name: &'static str,
    /// What is in it.
    pub(super) text: &'static str,
    /// The name of its mapping.
    pub(super) mapping_name: &'static str,
    /// Its mapping.
    pub(super) mapping: &'static str,
}

macro_rules! samples {
    ($($folder:literal / $stem:literal . $kind:literal),+ $(,)?) => {
        [$(Sample {
            folder: $folder,
            name: concat!($stem, ".", $kind),
            text: include_str!(concat!("../../../../configs/demo/", $folder, "/", $stem, ".", $kind)),
            mapping_name: concat!($stem, ".toml"),
            mapping: include_str!(concat!("../../../../configs/demo/", $folder, "/", $stem, ".toml")),
        }),+]
    };
}

/// The files, in the order in which they are imported.
static SAMPLES: [Sample; 28] = samples![
    "ke" / "10-persons" . "csv",
    "ke" / "12-organisations" . "csv",
    "ke" / "14-vehicles" . "csv",
    "ke" / "16-craft" . "csv",
    "ke" / "20-phones" . "csv",
    "ke" / "22-accounts" . "csv",
    "ke" / "24-documents-firearms" . "csv",
    "ke" / "26-online" . "csv",
    "ke" / "28-places" . "csv",
    "ke" / "30-events" . "json",
    "ke" / "32-items" . "csv",
    "ke" / "40-links" . "csv",
    "fr" / "10-personnes" . "csv",
    "fr" / "12-organisations" . "csv",
    "fr" / "14-moyens" . "csv",
    "fr" / "20-telephones" . "csv",
    "fr" / "22-comptes" . "csv",
    "fr" / "24-pieces-et-lieux" . "csv",
    "fr" / "30-procedures" . "json",
    "fr" / "32-objets" . "csv",
    "fr" / "40-liens" . "csv",
    "br" / "10-pessoas" . "csv",
    "br" / "12-empresas" . "csv",
    "br" / "14-meios" . "csv",
    "br" / "20-rastros" . "csv",
    "br" / "30-ocorrencias" . "json",
    "br" / "32-apreensoes" . "csv",
    "br" / "40-vinculos" . "csv",
];

/// The files of one bureau.
pub(super) fn of(folder: &str) -> impl Iterator<Item = &'static Sample> {
    SAMPLES.iter().filter(move |sample| sample.folder == folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_folder_is_imported() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo");
        for part in &super::super::cast::PARTS {
            let listed = std::fs::read_dir(root.join(part.folder)).unwrap();
            let listed: BTreeSet<String> =
                listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            let known = of(part.folder).flat_map(|sample| [sample.name.to_owned(), sample.mapping_name.to_owned()]);
            assert_eq!(known.collect::<BTreeSet<_>>(), listed, "{}", part.folder);
        }
    }
}
