//! Names and addresses on the Internet, also as written so that nobody clicks on them (`hxxp://example[.]org`).

use std::net::IpAddr;

use igain_protocol::vocabulary::Scheme;

use super::Error;

/// An e-mail address in lower case.
pub(super) fn email(text: &str) -> Result<String, Error> {
    let text = rearm(text);
    let bare = text.strip_prefix("mailto:").unwrap_or(&text);
    let bare = bare.rsplit_once('<').map_or(bare, |(_, rest)| rest.trim_end_matches('>'));
    let (user, host) = bare.rsplit_once('@').unwrap_or_default();
    let spaced = bare.chars().any(|c| c.is_whitespace() || c.is_control());
    if user.is_empty() || user.len() > 64 || spaced || !is_host(host) {
        return Err(Error::form(Scheme::Email, &text, "it looks like name@example.org"));
    }
    Ok(bare.to_lowercase())
}

/// A user name in lower case, without `@` or the address of the service that it is on.
pub(super) fn handle(text: &str) -> Result<String, Error> {
    let bare = without_scheme(text);
    let bare =
        if bare.len() < text.len() { bare.trim_end_matches('/').rsplit('/').next().unwrap_or(bare) } else { text };
    let bare = bare.trim_start_matches('@').trim().to_lowercase();
    if bare.is_empty() { Err(Error::form(Scheme::Handle, text, "it is empty")) } else { Ok(bare) }
}

/// A web address without scheme, `www.`, the default port, the fragment and a last slash: the same page either way.
pub(super) fn url(text: &str) -> Result<String, Error> {
    let text = rearm(text);
    let bare = without_scheme(&text);
    let bare = bare.split('#').next().unwrap_or(bare);
    let end = bare.find(['/', '?']).unwrap_or(bare.len());
    let (host, path) = bare.split_at_checked(end).unwrap_or((bare, ""));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host).to_lowercase();
    let host = host.strip_suffix(":80").or_else(|| host.strip_suffix(":443")).unwrap_or(&host);
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if bare.contains(char::is_whitespace) || !is_host(name) && name.trim_matches(['[', ']']).parse::<IpAddr>().is_err()
    {
        return Err(Error::form(Scheme::Url, &text, "it looks like https://example.org/page"));
    }
    Ok(format!("{}{}", host.strip_prefix("www.").unwrap_or(host), path.trim_end_matches('/')))
}

/// An IP address as RFC 5952 writes it; one of version 4 inside one of version 6 is the former.
pub(super) fn ip(text: &str) -> Result<String, Error> {
    let bare = rearm(text);
    let parsed: Result<IpAddr, _> = bare.trim_matches(['[', ']']).parse();
    let address = parsed.map_err(|_| Error::form(Scheme::Ip, text, "it looks like 192.0.2.1 or 2001:db8::1"))?;
    Ok(address.to_canonical().to_string())
}

/// A domain name in lower case, without the last dot.
pub(super) fn domain(text: &str) -> Result<String, Error> {
    let text = rearm(text);
    let bare = without_scheme(&text).split('/').next().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let bare = bare.strip_prefix("*.").unwrap_or(&bare);
    if is_host(bare) {
        Ok(bare.to_owned())
    } else {
        Err(Error::form(Scheme::Domain, &text, "it looks like example.org"))
    }
}

/// What was made harmless to click on made whole again.
fn rearm(text: &str) -> String {
    let text =
        text.replace("[.]", ".").replace("(.)", ".").replace("[dot]", ".").replace("[at]", "@").replace("[@]", "@");
    let text = text.replace("[:]", ":");
    match text.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("hxxp") => format!("http{}", text.get(4..).unwrap_or_default()),
        _ => text,
    }
}

fn without_scheme(text: &str) -> &str {
    text.split_once("://").filter(|(scheme, _)| scheme.len() <= 8).map_or(text, |(_, rest)| rest)
}

fn is_host(host: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
    };
    host.len() <= 253 && host.contains('.') && host.split('.').all(label)
}
