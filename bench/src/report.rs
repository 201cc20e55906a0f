//! The table: what was measured, beside what it should be.

use std::fmt::{self, Write as _};

/// What belongs together in the report.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// How it was measured, and what could not be.
    pub(crate) notes: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// One figure of one subject.
pub(crate) struct Row {
    measure: String,
    subject: &'static str,
    amount: Amount,
    ratio: Option<Ratio>,
    target: Option<Target>,
}

/// Means something on the machine where it was measured only.
#[derive(Clone, Copy)]
pub(crate) struct Amount(pub(crate) f64, pub(crate) &'static str);

/// Means something anywhere.
struct Ratio {
    value: f64,
    base: &'static str,
}

/// Upper bounds: on the ratio where there is one, otherwise on the amount.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    /// What may not be exceeded.
    pub(crate) must: f64,
    /// What we would like, where we have said so.
    pub(crate) aim: Option<f64>,
}

impl Section {
    pub(crate) fn new(title: &'static str, note: &str) -> Self {
        Self { title, notes: vec![note.into()], rows: Vec::new() }
    }
}

impl Row {
    pub(crate) fn new(measure: impl Into<String>, subject: &'static str, amount: Amount) -> Self {
        Self { measure: measure.into(), subject, amount, ratio: None, target: None }
    }

    /// Compares with another figure of the same run.
    pub(crate) fn against(mut self, base: &'static str, value: f64) -> Self {
        self.ratio = Some(Ratio { value, base });
        self
    }

    /// Says what the figure should be.
    pub(crate) fn judged(mut self, target: Option<Target>) -> Self {
        self.target = target;
        self
    }

    fn judged_value(&self) -> f64 {
        self.ratio.as_ref().map_or(self.amount.0, |ratio| ratio.value)
    }

    /// A value that is no number misses every bound.
    fn verdict(&self) -> &'static str {
        let Some(Target { must, aim }) = self.target else { return "" };
        let value = self.judged_value();
        if aim.is_some_and(|aim| value <= aim) {
            "aim met"
        } else if value <= must {
            "must met"
        } else {
            "MISSED"
        }
    }

    fn cells(&self) -> [String; 7] {
        let bound = |value: Option<f64>| match (value, &self.ratio) {
            (None, _) => String::new(),
            (Some(value), Some(_)) => format!("≤ {value}"),
            (Some(value), None) => format!("≤ {}", Amount(value, self.amount.1)),
        };
        [
            self.measure.clone(),
            self.subject.into(),
            self.amount.to_string(),
            self.ratio.as_ref().map_or_else(String::new, |r| format!("{:.2} × {}", r.value, r.base)),
            bound(self.target.map(|t| t.must)),
            bound(self.target.and_then(|t| t.aim)),
            self.verdict().into(),
        ]
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(value, unit) = self;
        let decimals = match value.abs() {
            0.0 => 0,
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        write!(f, "{value:.decimals$}{}{unit}", if unit.is_empty() { "" } else { " " })
    }
}

const COLUMNS: [&str; 7] = ["measure", "subject", "this machine", "ratio", "must", "aim", "verdict"];

/// A section as a Markdown table, which is a plain table as well.
pub(crate) fn render(section: &Section) -> String {
    let mut lines = vec![COLUMNS.map(String::from)];
    lines.extend(section.rows.iter().map(Row::cells));
    let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS.len()).map(width).collect();

    let mut text = format!("## {}\n\n", section.title);
    for note in &section.notes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{note}\n");
    }
    for (number, cells) in lines.iter().enumerate() {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "| {} |", padded.collect::<Vec<_>>().join(" | "));
        if number == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rule.join(" | "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: f64) -> Row {
        Row::new("m", "s", Amount(5.0, "s"))
            .against("b", value)
            .judged(Some(Target { must: 1.5, aim: Some(1.0) }))
    }

    #[test]
    fn a_ratio_is_judged_where_there_is_one() {
        assert_eq!(row(0.9).verdict(), "aim met");
        assert_eq!(row(1.2).verdict(), "must met");
        assert_eq!(row(1.6).verdict(), "MISSED");
        let absolute = Row::new("m", "s", Amount(5.0, "s")).judged(Some(Target { must: 4.0, aim: None }));
        assert_eq!((absolute.verdict(), absolute.cells()[4].as_str()), ("MISSED", "≤ 4.00 s"));
    }

    #[test]
    fn a_value_that_is_no_number_is_not_praised() {
        assert_eq!(row(f64::NAN).verdict(), "MISSED");
    }

    #[test]
    fn columns_line_up() {
        let text = render(&Section { title: "T", notes: vec![], rows: vec![row(1.0), row(2.0)] });

        let widths: Vec<_> = text.lines().skip(2).map(|line| line.chars().count()).collect();
        assert!(widths.len() == 4 && widths.iter().all(|width| *width == widths[0]), "{text}");
    }
}
