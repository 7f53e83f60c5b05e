//! `cloverleaf top --once`: what there is at one moment, as text or JSON.

use wamp::Value;
use wamp::value::Dict;

use crate::cli::entries;
use crate::cli::meta::Kind;
use crate::cli::top::screen::{Sort, Tab};
use crate::cli::top::state::State;

/// For people: totals, then each table as the screen shows it at first.
pub(crate) fn text(state: &State) -> Vec<String> {
    let width = Tab::ALL.map(|tab| tab.name().len()).into_iter().max().unwrap_or_default();
    let mut lines: Vec<String> =
        Tab::ALL.iter().map(|tab| format!("{:width$}  {}", tab.name(), tab.total(state))).collect();
    for tab in Tab::ALL {
        let mut table = tab.table(state);
        Sort::first(&table).apply(&mut table);
        lines.push(String::new());
        lines.push(heading(tab, table.rows().len(), tab.total(state)));
        lines.extend(table.lines(None));
    }
    lines
}

fn heading(tab: Tab, shown: usize, total: u64) -> String {
    if shown as u64 == total {
        format!("{}:", tab.name())
    } else {
        format!("{}, {shown} of {total}:", tab.name())
    }
}

/// For scripts: one dictionary.
pub(crate) fn record(state: &State) -> Dict {
    let totals: Dict = Tab::ALL.iter().map(|tab| (tab.name().to_owned(), tab.total(state).into())).collect();
    let sessions = state.sessions().rows().iter().map(|session| Value::Map(session.dict.clone()));
    let records = |kind: Kind| {
        let rows = state.entries(kind).rows().iter();
        Value::List(rows.map(|row| Value::Map(entries::record(kind, row))).collect())
    };
    Dict::from([
        ("totals", totals.into()),
        ("sessions", Value::List(sessions.collect())),
        ("subscriptions", records(Kind::Subscription)),
        ("registrations", records(Kind::Registration)),
    ])
}
