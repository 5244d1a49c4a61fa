use super::closed_list;

closed_list! {
    /// What an identifier is a number of. Values are kept as they were given; each node brings them into the canonical
    /// form of their scheme to compare them.
    Scheme, "identifier scheme" {
        Phone = 0, "phone", "Phone number (ITU-T E.164)";
        Imei = 1, "imei", "Mobile device (3GPP TS 23.003)";
        Imsi = 2, "imsi", "Mobile subscription (ITU-T E.212)";
        Plate = 3, "plate", "Vehicle registration plate";
        Vin = 4, "vin", "Vehicle identification number (ISO 3779)";
        EngineNumber = 5, "engine-number", "Engine number";
        Passport = 6, "passport", "Passport number (ICAO Doc 9303)";
        NationalId = 7, "national-id", "National identity number";
        DriverLicence = 8, "driver-licence", "Driving licence number";
        DocumentNumber = 9, "document-number", "Number of another document";
        TaxId = 10, "tax-id", "Tax number";
        Iban = 11, "iban", "International bank account number (ISO 13616)";
        AccountNumber = 12, "account-number", "Bank account number";
        Bic = 13, "bic", "Business identifier code (ISO 9362)";
        Card = 14, "card", "Payment card number (ISO/IEC 7812)";
        Crypto = 15, "crypto", "Crypto-asset address";
        Imo = 16, "imo", "IMO ship or company number";
        Mmsi = 17, "mmsi", "Maritime mobile service identity (ITU-R M.585)";
        CallSign = 18, "call-sign", "Radio call sign";
        Tail = 19, "tail", "Aircraft registration (ICAO Annex 7)";
        AircraftSerial = 20, "aircraft-serial", "Aircraft manufacturer's serial number";
        FirearmSerial = 21, "firearm-serial", "Firearm serial number";
        Email = 22, "email", "E-mail address (RFC 5322)";
        Handle = 23, "handle", "User name on a service";
        Url = 24, "url", "Web address (RFC 3986)";
        Ip = 25, "ip", "IP address";
        Domain = 26, "domain", "Domain name";
        Registration = 27, "registration", "Registration number of a company or ship";
        Serial = 28, "serial", "Serial number of an object";
        Container = 29, "container", "Freight container (ISO 6346)";
        CaseNumber = 30, "case-number", "Case or file number";
        SourceId = 31, "source-id", "Number in the source's own system";
        Iccid = 32, "iccid", "SIM card number (ITU-T E.118)";
        Transaction = 33, "transaction", "Number of a transfer or crypto transaction";
        AircraftAddress = 34, "aircraft-address", "24-bit aircraft address, Mode S (ICAO Annex 10)";
        Shipment = 35, "shipment", "Number of a bill of lading, waybill, parcel or ticket";
        Lei = 36, "lei", "Legal entity identifier (ISO 17442)";
        PlaceCode = 37, "place-code", "Place code: UN/LOCODE, IATA, ICAO, GeoNames";
        Notice = 38, "notice", "Number of an INTERPOL notice or diffusion, or of another alert";
    }
}
