use super::closed_list;

closed_list! {
    /// What a person is to the matter. Sources: Directive (EU) 2016/680, art. 6, which keeps (a) suspects,
    /// (b) convicted persons, (c) victims and (d) other parties apart; INTERPOL's Rules on the Processing of Data,
    /// art. 44, on the status of persons.
    SubjectCategory, "subject category" {
        Suspect = 0, "suspect", "Suspect (art. 6 a)";
        Convicted = 1, "convicted", "Convicted person (art. 6 b)";
        Victim = 2, "victim", "Victim, or possible victim (art. 6 c)";
        Witness = 3, "witness", "Witness (art. 6 d)";
        Contact = 4, "contact", "Contact of a suspect or convicted person (art. 6 d)";
        Associate = 5, "associate", "Associate of a suspect or convicted person (art. 6 d)";
        Informed = 6, "informed", "Person who can give information (art. 6 d)";
        Wanted = 7, "wanted", "Person sought for arrest";
        Missing = 8, "missing", "Missing person";
        Unidentified = 9, "unidentified", "Person or body to be identified";
        Sanctioned = 10, "sanctioned", "Subject of sanctions";
        PersonOfInterest = 11, "person-of-interest", "Person whose part in the matter is not yet known";
    }
}
