//! Cells of CSV files (RFC 4180) that people open in spreadsheets.

use std::borrow::Cow;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell that no spreadsheet runs: one that would be a formula begins with `'`.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULA) {
        harmless_cell(&format!("'{text}")).into_owned().into()
    } else {
        harmless_cell(text)
    }
}

/// A cell with a text that may begin like a formula and does nothing all the same.
pub(crate) fn harmless_cell(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, expected) in [
            ("", ""),
            ("plain text", "plain text"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("鍵", "鍵"),
        ] {
            assert_eq!(cell(text), expected);
            assert_eq!(harmless_cell(text), expected);
        }
    }

    #[test]
    fn no_cell_is_a_formula_but_those_that_are_known_to_be_harmless_stay_as_they_are() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("=A1,\"x\"", "\"'=A1,\"\"x\"\"\""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(cell(text), expected);
        }
        assert_eq!(harmless_cell("-aB3_.x~/y+z=="), "-aB3_.x~/y+z==");
    }
}
