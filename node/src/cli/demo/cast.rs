//! Who takes part, and what the acts look for among the sample records of `configs/demo`.

/// The bureau that opens the CAF.
pub(super) const OWNER: &str = "KE";

/// What the CAF is called.
pub(super) const CAF_NAME: &str = "Cocaine by sea";

/// What belongs into it.
pub(super) const CAF_SCOPE: &str = "Containers from Santos by way of Mombasa to Le Havre, and who is behind them";

/// A suspect whom KE knows well: FR gets the record whole, BR a part of it.
pub(super) const PERSON_PASSPORT: &str = "ZK0004170";

/// A report of KE that FR gets and BR does not.
pub(super) const KEPT_NAME: &str = "leak in the port of Santos";

/// A vehicle that KE reported by mistake, and withdraws.
pub(super) const WITHDRAWN_PLATE: &str = "KZC 417D";

/// A phone of KE as an analyst in France would type its number.
pub(super) const PHONE: &str = "00254-766-000417";

/// The case of the question about it.
pub(super) const CASE: &str = "FR-2026-0042";

/// One bureau.
pub(super) struct Part {
    /// Its id.
    pub(super) id: &'static str,
    /// Its folder, here and under `configs/demo`.
    pub(super) folder: &'static str,
    /// Its configuration.
    pub(super) config: &'static str,
    /// The port in it.
    pub(super) port: u16,
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
        config: include_str!("../../../../configs/demo/ke.toml"),
        port: 7951,
        only: "",
        policy: include_str!("../../../../configs/policy/ke.cedar"),
    },
    Part {
        id: "FR",
        folder: "fr",
        config: include_str!("../../../../configs/demo/fr.toml"),
        port: 7952,
        only: "",
        policy: include_str!("../../../../configs/policy/fr.cedar"),
    },
    Part {
        id: "BR",
        folder: "br",
        config: include_str!("../../../../configs/demo/br.toml"),
        port: 7953,
        only: "kinds=person,organisation,vehicle,vessel,aircraft,event,item,link",
        policy: include_str!("../../../../configs/policy/br.cedar"),
    },
];
