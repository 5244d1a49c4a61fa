use super::closed_list;

closed_list! {
    /// What kind of crime a record concerns. Source: the crime areas that INTERPOL lists for its work
    /// (interpol.int, "Crimes"), those on drugs told apart by substance and those on people and goods by what is
    /// moved, since crime analysis files are opened on one of them.
    CrimeArea, "crime area" {
        Cocaine = 0, "cocaine-trafficking", "Cocaine trafficking";
        Heroin = 1, "heroin-trafficking", "Heroin and opioid trafficking";
        SyntheticDrugs = 2, "synthetic-drugs", "Synthetic drugs and precursors";
        Cannabis = 3, "cannabis-trafficking", "Cannabis trafficking";
        Drugs = 4, "drug-trafficking", "Drug trafficking, other or mixed";
        HumanTrafficking = 5, "human-trafficking", "Trafficking in human beings";
        MigrantSmuggling = 6, "migrant-smuggling", "Migrant smuggling";
        Firearms = 7, "firearms-trafficking", "Firearms trafficking";
        Terrorism = 8, "terrorism", "Terrorism and its financing";
        MoneyLaundering = 9, "money-laundering", "Money laundering and asset recovery";
        FinancialCrime = 10, "financial-crime", "Fraud and other financial crime";
        Corruption = 11, "corruption", "Corruption";
        Cybercrime = 12, "cybercrime", "Cybercrime";
        CrimesAgainstChildren = 13, "crimes-against-children", "Crimes against children";
        Counterfeiting = 14, "counterfeit-currency", "Counterfeit currency and security documents";
        IllicitGoods = 15, "illicit-goods", "Illicit goods and intellectual property";
        Pharmaceutical = 16, "pharmaceutical-crime", "Pharmaceutical crime";
        Environment = 17, "environmental-crime", "Environmental crime: waste, forestry, fisheries, mining";
        Wildlife = 18, "wildlife-crime", "Wildlife crime";
        VehicleCrime = 19, "vehicle-crime", "Vehicle crime";
        Maritime = 20, "maritime-crime", "Maritime crime and piracy";
        CulturalHeritage = 21, "cultural-heritage-crime", "Works of art and cultural heritage";
        WarCrimes = 22, "war-crimes", "War crimes, crimes against humanity and genocide";
        OrganisedCrime = 23, "organised-crime", "Organised crime";
        ViolentCrime = 24, "violent-crime", "Homicide, kidnapping and other violent crime";
        PropertyCrime = 25, "property-crime", "Property crime";
        SanctionsEvasion = 26, "sanctions-evasion", "Sanctions and their evasion";
        MissingPersons = 27, "missing-persons", "Missing persons and identification";
        Other = 28, "other", "Other crime";
    }
}
