use super::closed_list;

closed_list! {
    /// What a record is about: persons, objects, locations and events (POLE), and the links between them.
    Kind, "kind of record" {
        Person = 0, "person", "Person";
        Organisation = 1, "organisation", "Organisation";
        Vehicle = 2, "vehicle", "Vehicle";
        Vessel = 3, "vessel", "Vessel";
        Aircraft = 4, "aircraft", "Aircraft";
        Firearm = 5, "firearm", "Firearm";
        Document = 6, "document", "Identity or travel document";
        Account = 7, "account", "Bank, card or crypto account";
        Phone = 8, "phone", "Phone number or device";
        OnlineId = 9, "online-id", "Online identity";
        Location = 10, "location", "Location";
        Event = 11, "event", "Event";
        Item = 12, "item", "Drugs, goods or cash";
        Link = 13, "link", "Link between two records";
    }
}
