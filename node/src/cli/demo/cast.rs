//! Who takes part, and what the acts look for among the sample records of `configs/demo`.

/// The bureau that opens the CAF.
pub(super) const OWNER: &str = "KE";

/// What the CAF is called.
pub(super) const CAF_NAME: &str = "Cocaine by sea";

/// What belongs into it.
pub(super) const CAF_SCOPE: &str = "Containers from Santos by way of Mombasa to Le Havre, and who is behind them";

/// A suspect whom KE knows well: FR gets the record whole, BR a part of it.
pub(super) const PERSON_PASSPORT: &str = "";

/// A report of KE that FR gets and BR does not.
pub(super) const KEPT_NAME: &str = "";

/// A vehicle that KE reported by mistake, and withdraws.
pub(super) const WITHDRAWN_PLATE: &str = "";

/// A phone of KE as an analyst in France would type its number.
pub(super) const PHONE: &str = "";

/// The case of the question about it.
pub(super) const CASE: &str = "FR-2026-0042";

/// One bureau.
pub(super) struct Part {
    /// Its id.
    pub(super) id: &'static str,
    /// Its folder, here and under `configs/demo`.
    pub(super) folder: &'static str,
    /// Its full name.
    pub(super) name: &'static str,
    /// Its languages, as the configuration has them.
    pub(super) languages: &'static str,
    /// Whom a colleague calls.
    pub(super) desk: &'static str,
    /// The part of the CAF that it wants; empty for all.
    pub(super) only: &'static str,
    /// Its policy.
    pub(super) policy: &'static str,
}

/// The three bureaus.
pub(super) const PARTS: [Part; 3] = [
    Part {
        id: "KE",
        folder: "ke",
        name: "NCB Nairobi (demonstration)",
        languages: r#"["en", "sw"]"#,
        desk: "Duty desk, Nairobi",
        only: "",
        policy: include_str!("../../../../configs/policy/ke.cedar"),
    },
    Part {
        id: "FR",
        folder: "fr",
        name: "BCN Paris (demonstration)",
        languages: r#"["fr", "en"]"#,
        desk: "Permanence, Paris",
        only: "",
        policy: include_str!("../../../../configs/policy/fr.cedar"),
    },
    Part {
        id: "BR",
        folder: "br",
        name: "BCN Brasília (demonstration)",
        languages: r#"["pt", "en"]"#,
        desk: "Plantão, Brasília",
        only: "",
        policy: include_str!("../../../../configs/policy/br.cedar"),
    },
];
