//! What session details say about a client's certificate: the dictionary that Crossbar.io makes of it, in the words of
//! OpenSSL.
//!
//! The certificate is one that an authority of the listener's choice has issued: the handshake made sure. Two of
//! Crossbar.io's keys are left out, since they prove nothing: `md5`, and `hash`, which is OpenSSL's name for a file. What a
//! certificate has that can't be read is left out too.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use wamp::Value;
use wamp::id::ID_MAX;
use wamp::value::Dict;
use x509_parser::asn1_rs::Oid;
use x509_parser::extensions::{
    BasicConstraints, ExtendedKeyUsage, GeneralName, KeyUsage, ParsedExtension, X509Extension,
};
use x509_parser::num_bigint::BigUint;
use x509_parser::objects::{oid_registry, oid2abbrev, oid2sn};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

/// The details of a certificate at the moment `now`.
pub(crate) fn details(der: &[u8], now: SystemTime) -> Dict {
    let fingerprint = |algorithm| hex(digest::digest(algorithm, der).as_ref());
    let mut details = Dict::from([
        ("sha1", Value::from(fingerprint(&SHA1_FOR_LEGACY_USE_ONLY))),
        ("sha256", fingerprint(&SHA256).into()),
    ]);
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => details.extend(content(&certificate, now)),
        Err(error) => tracing::debug!("a client's certificate can't be read: {error}"),
    }
    details
}

fn content(certificate: &X509Certificate<'_>, now: SystemTime) -> Dict {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let validity = certificate.validity();
    let expired = u64::try_from(validity.not_after.timestamp()).map_or(true, |end| end < now);
    let extensions: Value = certificate.iter_extensions().map(extension).collect();
    Dict::from([
        ("expired", Value::from(expired)),
        ("serial", serial(&certificate.serial)),
        ("signature_algorithm", name_of(&certificate.signature_algorithm.algorithm).into()),
        ("version", certificate.version.0.into()),
        ("not_before", time(validity.not_before).into()),
        ("not_after", time(validity.not_after).into()),
        ("extensions", extensions),
        ("subject", name(certificate.subject()).into()),
        ("issuer", name(certificate.issuer()).into()),
    ])
}

/// Serial numbers may have twenty bytes; one that a client's numbers might not hold is told as text.
fn serial(serial: &BigUint) -> Value {
    match u64::try_from(serial) {
        Ok(serial) if serial <= ID_MAX => serial.into(),
        _ => serial.to_string().into(),
    }
}

/// `20260104120356Z`
fn time(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second())
}

/// The components of a name, under the short names of their types in lower case: `cn`, `o`, `ou`.
fn name(name: &X509Name<'_>) -> Dict {
    let component = |kind: &Oid<'_>, value: &[u8]| {
        let kind = match oid2abbrev(kind, oid_registry()) {
            Ok("Email") => "emailaddress".to_owned(),
            Ok(kind) => kind.to_ascii_lowercase(),
            Err(_) => kind.to_id_string(),
        };
        (kind, Value::from(String::from_utf8_lossy(value)))
    };
    name.iter_attributes().map(|attribute| component(attribute.attr_type(), attribute.as_slice())).collect()
}

fn extension(extension: &X509Extension<'_>) -> Dict {
    let value = match extension.parsed_extension() {
        ParsedExtension::SubjectAlternativeName(names) => general_names(&names.general_names),
        ParsedExtension::IssuerAlternativeName(names) => general_names(&names.general_names),
        ParsedExtension::BasicConstraints(constraints) => basic_constraints(constraints),
        ParsedExtension::KeyUsage(usage) => key_usage(usage),
        ParsedExtension::ExtendedKeyUsage(usage) => extended_key_usage(usage),
        ParsedExtension::SubjectKeyIdentifier(key) => hex(key.0),
        ParsedExtension::AuthorityKeyIdentifier(authority) => match &authority.key_identifier {
            Some(key) => hex(key.0),
            None => hex(extension.value),
        },
        _ => hex(extension.value),
    };
    Dict::from([
        ("name", Value::from(name_of(&extension.oid))),
        ("value", value.into()),
        ("critical", extension.critical.into()),
    ])
}

fn general_names(names: &[GeneralName<'_>]) -> String {
    let one = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(address) => format!("email:{address}"),
        GeneralName::URI(uri) => format!("URI:{uri}"),
        GeneralName::IPAddress(octets) => format!("IP Address:{}", ip(octets)),
        GeneralName::DirectoryName(name) => format!("DirName:{name}"),
        GeneralName::RegisteredID(id) => format!("Registered ID:{}", id.to_id_string()),
        GeneralName::OtherName(kind, _) => format!("othername:{}", kind.to_id_string()),
        GeneralName::X400Address(_) => "X400Name:<unsupported>".to_owned(),
        GeneralName::EDIPartyName(_) => "EdiPartyName:<unsupported>".to_owned(),
        GeneralName::Invalid(..) => "<invalid>".to_owned(),
    };
    joined(names.iter().map(one))
}

fn ip(octets: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        return Ipv4Addr::from(octets).to_string();
    }
    match <[u8; 16]>::try_from(octets) {
        Ok(octets) => Ipv6Addr::from(octets).to_string(),
        Err(_) => "<invalid>".to_owned(),
    }
}

fn basic_constraints(constraints: &BasicConstraints) -> String {
    let ca = if constraints.ca { "CA:TRUE" } else { "CA:FALSE" };
    match constraints.path_len_constraint {
        Some(length) => format!("{ca}, pathlen:{length}"),
        None => ca.to_owned(),
    }
}

fn key_usage(usage: &KeyUsage) -> String {
    usage.to_string().replace("Key Cert Sign", "Certificate Sign")
}

fn extended_key_usage(usage: &ExtendedKeyUsage<'_>) -> String {
    let known = [
        (usage.any, "Any Extended Key Usage"),
        (usage.server_auth, "TLS Web Server Authentication"),
        (usage.client_auth, "TLS Web Client Authentication"),
        (usage.code_signing, "Code Signing"),
        (usage.email_protection, "E-mail Protection"),
        (usage.time_stamping, "Time Stamping"),
        (usage.ocsp_signing, "OCSP Signing"),
    ];
    let known = known.into_iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name.to_owned());
    joined(known.chain(usage.other.iter().map(Oid::to_id_string)))
}

/// OpenSSL's short name, or the numbers.
fn name_of(oid: &Oid<'_>) -> String {
    oid2sn(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// `AA:BB:CC`
fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<_> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
        SanType, SerialNumber, date_time_ymd,
    };

    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn certificate(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.not_before = date_time_ymd(2026, 1, 4);
        params.not_after = date_time_ymd(2036, 1, 4);
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    fn extension<'d>(details: &'d Dict, name: &str) -> &'d Dict {
        let mut extensions = details.get("extensions").and_then(Value::as_list).expect("a list").iter();
        let is_it = |extension: &&Value| {
            extension.as_dict().and_then(|extension| extension.get("name")) == Some(&name.into())
        };
        extensions.find(is_it).and_then(Value::as_dict).unwrap_or_else(|| panic!("{name} in {details}"))
    }

    #[test]
    fn a_certificate_is_shown_as_openssl_words_it() {
        let der = certificate(|params| {
            params.distinguished_name.push(DnType::CommonName, "client one");
            params.distinguished_name.push(DnType::OrganizationName, "Example");
            params.serial_number = Some(SerialNumber::from(4711));
        });
        let details = details(&der, at(1_800_000_000));
        let is = |key, value: Value| assert_eq!(details.get(key), Some(&value), "{key}");
        is("expired", false.into());
        is("serial", 4711u64.into());
        is("signature_algorithm", "ecdsa-with-SHA256".into());
        is("version", 2u64.into());
        is("not_before", "20260104000000Z".into());
        is("not_after", "20360104000000Z".into());
        let name = Dict::from([("cn", Value::from("client one")), ("o", "Example".into())]);
        is("subject", name.clone().into());
        is("issuer", name.into());
    }

    #[test]
    fn fingerprints_are_upper_case_with_colons() {
        let details = details(b"abc", at(0));
        assert_eq!(details.len(), 2, "nothing more is known of what is no certificate");
        let sha1 = "A9:99:3E:36:47:06:81:6A:BA:3E:25:71:78:50:C2:6C:9C:D0:D8:9D";
        assert_eq!(details.get("sha1"), Some(&sha1.into()));
        let sha256 = details.get("sha256").and_then(Value::as_str).expect("text");
        assert!(sha256.starts_with("BA:78:16:BF:8F:01") && sha256.len() == 32 * 3 - 1, "{sha256}");
    }

    #[test]
    fn extensions_are_told_by_name_and_text() {
        let der = certificate(|params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(3));
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            params.subject_alt_names = vec![
                SanType::DnsName("a.example.com".try_into().expect("a name")),
                SanType::IpAddress([192, 0, 2, 1].into()),
                SanType::Rfc822Name("me@example.com".try_into().expect("an address")),
                SanType::URI("https://example.com/x".try_into().expect("a URI")),
            ];
        });
        let details = details(&der, at(0));
        let value =
            |name| extension(&details, name).get("value").and_then(Value::as_str).expect("text").to_owned();
        assert_eq!(value("basicConstraints"), "CA:TRUE, pathlen:3");
        assert_eq!(value("keyUsage"), "Digital Signature, Certificate Sign");
        assert_eq!(value("extendedKeyUsage"), "TLS Web Client Authentication");
        assert_eq!(
            value("subjectAltName"),
            "DNS:a.example.com, IP Address:192.0.2.1, email:me@example.com, URI:https://example.com/x"
        );
        assert!(value("subjectKeyIdentifier").contains(':'));
        assert_eq!(extension(&details, "basicConstraints").get("critical"), Some(&true.into()));
        assert_eq!(extension(&details, "subjectAltName").get("critical"), Some(&false.into()));
    }

    #[test]
    fn an_expired_certificate_and_a_long_serial_number_are_told() {
        let der = certificate(|params| params.serial_number = Some(SerialNumber::from(vec![0x7F; 20])));
        let details = details(&der, at(4_000_000_000));
        assert_eq!(details.get("expired"), Some(&true.into()));
        let serial = details.get("serial").and_then(Value::as_str).expect("text");
        assert_eq!(serial, "727885129180488904360266563744972327436484050815");
    }
}
