//! Who may make which call: one table, and nothing beside it. A call that is not in it cannot be made.

use axum::http::Method;

use crate::people::Role::{Analyst, Auditor, Contributor, Operator, PolicyAdministrator};
use crate::people::{Role, Roles};

/// One call of the API.
pub(super) struct Call {
    pub(super) method: Method,
    /// As the router has it, with names in place of ids.
    pub(super) path: &'static str,
    /// Any one of these roles is enough.
    pub(super) needs: Roles,
}

const fn get(path: &'static str, needs: &[Role]) -> Call {
    Call { method: Method::GET, path, needs: Roles::of(needs) }
}

const fn post(path: &'static str, needs: &[Role]) -> Call {
    Call { method: Method::POST, path, needs: Roles::of(needs) }
}

/// Everybody but the auditor, who sees the log alone.
const STAFF: &[Role] = &[Analyst, Contributor, PolicyAdministrator, Operator];

/// All calls. A contributor who is no analyst sees, through those that read records, her own bureau's alone.
pub(super) static CALLS: [Call; 40] = [
    get("/v1/status", STAFF),
    get("/v1/card", STAFF),
    get("/v1/clock", STAFF),
    post("/v1/clock/accept", &[Operator]),
    post("/v1/clock/reset", &[Operator]),
    get("/v1/recovery", STAFF),
    post("/v1/recovery/{bureau}/serve", &[PolicyAdministrator]),
    post("/v1/recovery/{bureau}/accept", &[PolicyAdministrator]),
    post("/v1/recovery/close", &[PolicyAdministrator]),
    get("/v1/peers", STAFF),
    get("/v1/peers/{bureau}", STAFF),
    post("/v1/peers", &[PolicyAdministrator]),
    post("/v1/peers/{bureau}/revoke", &[PolicyAdministrator]),
    post("/v1/peers/{bureau}/reinstate", &[PolicyAdministrator]),
    post("/v1/peers/{bureau}/drop", &[PolicyAdministrator]),
    get("/v1/cafs", &[Analyst, Contributor, PolicyAdministrator]),
    get("/v1/cafs/{id}", &[Analyst, Contributor, PolicyAdministrator]),
    post("/v1/cafs", &[PolicyAdministrator]),
    post("/v1/cafs/{id}/invite", &[PolicyAdministrator]),
    post("/v1/cafs/{id}/dismiss", &[PolicyAdministrator]),
    post("/v1/cafs/{id}/join", &[PolicyAdministrator]),
    post("/v1/cafs/{id}/leave", &[PolicyAdministrator]),
    post("/v1/cafs/{id}/close", &[PolicyAdministrator]),
    get("/v1/records", &[Analyst, Contributor]),
    get("/v1/records/{id}", &[Analyst, Contributor]),
    post("/v1/records", &[Contributor]),
    post("/v1/records/{id}/revise", &[Contributor]),
    post("/v1/records/{id}/withdraw", &[Contributor]),
    // Bureaus and dates, and nothing of the record: whoever changed a policy sees there what was purged.
    get("/v1/records/{id}/holders", &[Analyst, Contributor, PolicyAdministrator]),
    // The label, which is what policy looks at, and no field.
    get("/v1/records/{id}/explain/{bureau}", &[Analyst, Contributor, PolicyAdministrator]),
    post("/v1/import", &[Contributor]),
    get("/v1/policy", &[PolicyAdministrator]),
    post("/v1/policy/plan", &[PolicyAdministrator]),
    post("/v1/policy/apply", &[PolicyAdministrator]),
    post("/v1/query", &[Analyst]),
    get("/v1/audit", &[Auditor]),
    // It answers how long the log is and whether it is whole, and no entry.
    post("/v1/audit/verify", &[Auditor, Operator]),
    post("/v1/store/verify", &[Operator]),
    // All that the bureau has, sealed: records under the store's key, which only the passphrase gives.
    post("/v1/backup", &[Operator]),
    post("/v1/backup/stored", &[Operator]),
];

/// What a call needs; none for one that there is not.
pub(super) fn needs(method: &Method, path: &str) -> Option<Roles> {
    CALLS.iter().find(|call| call.method == *method && call.path == path).map(|call| call.needs)
}

/// Whether somebody with these roles sees all that the bureau holds, or its own records alone.
pub(super) const fn sees_all(roles: Roles) -> bool {
    roles.has(Analyst)
}
