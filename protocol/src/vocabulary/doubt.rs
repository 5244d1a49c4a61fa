use super::closed_list;

closed_list! {
    /// What is doubtful about a value. The project's own list.
    Doubt, "doubt" {
        Unread = 0, "unread", "It stands as it was given: nobody could tell what it means";
        Ambiguous = 1, "ambiguous", "It can be read in more than one way, and stands as it was given";
        Unsure = 2, "unsure", "It is known what it means, and not whether it is so";
    }
}
