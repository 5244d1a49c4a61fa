use super::closed_list;

closed_list! {
    /// Why data is processed or asked for. Sources: INTERPOL's Rules on the Processing of Data, art. 10(2), (a) to
    /// (h); art. 68, on crime analysis files; and Directive (EU) 2016/680, art. 25(2), on the use of logs to verify
    /// that processing was lawful.
    Purpose, "purpose" {
        Arrest = 0, "arrest", "To search for a wanted person with a view to arrest or restriction of movement (a)";
        Locate = 1, "locate", "To locate a person or an object of interest to the police (b)";
        Investigation = 2, "investigation", "To give or obtain information on an investigation, or on a person's criminal history (c)";
        Warn = 3, "warn", "To warn of a person, an event, an object or a modus operandi (d)";
        Identify = 4, "identify", "To identify a person or a dead body (e)";
        Forensic = 5, "forensic", "To perform forensic analyses (f)";
        SecurityCheck = 6, "security-check", "To carry out security checks (g)";
        ThreatAnalysis = 7, "threat-analysis", "To identify threats, crime trends and criminal networks (h)";
        CrimeAnalysis = 8, "crime-analysis", "To analyse crime within a crime analysis file (art. 68)";
        Oversight = 9, "oversight", "To check that data is processed lawfully (2016/680 art. 25)";
    }
}
