use super::closed_list;

closed_list! {
    /// Whether a person is a child. Source: Convention on the Rights of the Child, art. 1, for the limit of 18 years. Where
    /// nobody knows, it is left out.
    AgeGroup, "age group" {
        Minor = 0, "minor", "Under 18 years, or to be taken for it";
        Adult = 1, "adult", "18 years or over";
    }
}
