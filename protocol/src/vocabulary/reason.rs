use super::closed_list;

closed_list! {
    /// Why a record was withdrawn. Source: Directive (EU) 2016/680, art. 16(1) and (2), on rectification and on erasure
    /// of what is unlawful or must be erased by law, and art. 4(1)(e), on what is no longer needed for its purpose.
    Reason, "reason for withdrawal" {
        Withdrawn = 0, "withdrawn", "Its owner no longer wants it held";
        Incorrect = 1, "incorrect", "It was wrong";
        Unlawful = 2, "unlawful", "It should not have been recorded";
        PurposeMet = 3, "purpose-met", "It has served its purpose";
        Court = 4, "court", "A court or authority ordered it";
    }
}
