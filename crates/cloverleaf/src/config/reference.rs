//! The reference of all settings, made from the types that read them.

use std::fmt::Write as _;

use crate::config::endpoint::{TcpSection, TlsSection, UnixSection};
use crate::config::file::{ControllerSection, FileSection, RouterWorkerSection, WorkerOptions};
use crate::config::limits::LimitsSection;
use crate::config::realm::{
    CallTimeoutSection, RealmOptions, RealmSection, RetentionSection, TrustLevelSection,
};
use crate::config::role::{AllowSection, DiscloseSection, PermissionSection, RoleSection};
use crate::config::section::{Key, Section};
use crate::config::store::{CfxdbStoreSection, HistorySection, MemoryStoreSection, RedbStoreSection};
use crate::config::transport::{
    AnonymousSection, AuthSection, RawSocketItem, RawSocketOptions, RawSocketSection, UniversalSection,
    WebSection, WebSocketItem, WebSocketSection,
};
use crate::config::websocket::{CompressionSection, DeflateSection, WebSocketOptions};

/// The reference as Markdown: a heading and a table for each map of the file, from the outside in.
pub fn reference() -> String {
    let mut page = String::new();
    write::<FileSection>(&mut page);
    write::<ControllerSection>(&mut page);
    write::<RouterWorkerSection>(&mut page);
    write::<WorkerOptions>(&mut page);
    write::<RealmSection>(&mut page);
    write::<RealmOptions>(&mut page);
    write::<RetentionSection>(&mut page);
    write::<CallTimeoutSection>(&mut page);
    write::<TrustLevelSection>(&mut page);
    write::<MemoryStoreSection>(&mut page);
    write::<RedbStoreSection>(&mut page);
    write::<CfxdbStoreSection>(&mut page);
    write::<HistorySection>(&mut page);
    write::<RoleSection>(&mut page);
    write::<PermissionSection>(&mut page);
    write::<AllowSection>(&mut page);
    write::<DiscloseSection>(&mut page);
    write::<UniversalSection>(&mut page);
    write::<WebSocketSection>(&mut page);
    write::<RawSocketSection>(&mut page);
    write::<WebSection>(&mut page);
    write::<WebSocketItem>(&mut page);
    write::<WebSocketOptions>(&mut page);
    write::<CompressionSection>(&mut page);
    write::<DeflateSection>(&mut page);
    write::<RawSocketItem>(&mut page);
    write::<RawSocketOptions>(&mut page);
    write::<AuthSection>(&mut page);
    write::<AnonymousSection>(&mut page);
    write::<TcpSection>(&mut page);
    write::<UnixSection>(&mut page);
    write::<TlsSection>(&mut page);
    write::<LimitsSection>(&mut page);
    page
}

/// The anchor that a heading gets.
pub(crate) fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

fn write<S: Section>(page: &mut String) {
    let mut lines = format!("### {}\n\n{}\n\n", S::TITLE, S::about());
    lines.push_str("| Setting | Takes | Default | Meaning |\n|---|---|---|---|\n");
    for key in S::keys() {
        row(&mut lines, &key);
    }
    if !S::IDLE.is_empty() {
        lines.push_str("\nAccepted without effect: ");
        let idle: Vec<String> = S::IDLE.iter().map(|(key, reason)| format!("`{key}` ({reason})")).collect();
        lines.push_str(&idle.join(", "));
        lines.push_str(".\n");
    }
    if !S::LATER.is_empty() {
        let later: Vec<String> = S::LATER.iter().map(|key| format!("`{key}`")).collect();
        // Writing into a `String` can't fail.
        let _ = writeln!(lines, "\nNot supported yet: {}.", later.join(", "));
    }
    if !page.is_empty() {
        page.push('\n');
    }
    page.push_str(&lines);
}

fn row(lines: &mut String, key: &Key) {
    let default = match key.default.as_deref() {
        None => "*required*".to_owned(),
        Some("") => String::new(),
        Some(text) => format!("`{text}`"),
    };
    let Key { name, takes, about, .. } = key;
    let _ = writeln!(lines, "| `{name}` | {takes} | {default} | {about} |");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_the_reference_leads_to_a_heading_of_it() {
        let page = reference();
        let anchors: Vec<String> =
            page.lines().filter_map(|line| line.strip_prefix("### ")).map(anchor).collect();
        let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        assert!(links.len() > 20, "{links:?}");
        for link in links {
            assert!(anchors.iter().any(|anchor| anchor == link), "#{link} leads nowhere");
        }
    }
}
