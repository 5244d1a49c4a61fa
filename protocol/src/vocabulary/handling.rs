use super::closed_list;

closed_list! {
    /// How far a record may travel. Source: FIRST, "Traffic Light Protocol (TLP), version 2.0", August 2022.
    Tlp, "TLP marking" {
        Clear = 0, "clear", "No limit on disclosure";
        Green = 1, "green", "Limited disclosure, within the community";
        Amber = 2, "amber", "Limited disclosure, need to know within the receiving organisation and its clients";
        AmberStrict = 3, "amber+strict", "Limited disclosure, need to know within the receiving organisation only";
        Red = 4, "red", "For the eyes and ears of individual recipients only";
    }
}

closed_list! {
    /// What may be done with a record. Source: MISP taxonomy `PAP`, Permissible Actions Protocol.
    Pap, "PAP marking" {
        Clear = 0, "clear", "No restriction on use";
        Green = 1, "green", "Active actions allowed";
        Amber = 2, "amber", "Passive cross-checks only, that the subject cannot notice";
        Red = 3, "red", "No action outside the receiver's own systems";
    }
}

closed_list! {
    /// What a receiver must observe. Source: Europol handling codes, as used in SIENA (Council document 6243/18,
    /// "Practical Advisor for Law Enforcement Information Exchange").
    HandlingCode, "handling code" {
        H0 = 0, "H0", "Only for preventing and combating crime";
        H1 = 1, "H1", "Not to be disclosed in judicial proceedings without the provider's permission";
        H2 = 2, "H2", "Not to be disseminated without the provider's permission";
        H3 = 3, "H3", "Other restrictions, in words";
    }
}
