//! The documentation in two languages says the same, and tells of each command whether a test runs it.

use std::{fs, path::Path};

use crate::support::Folder;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a page is made of, in order, without its prose.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// The level of a headline.
    Headline(usize),
    /// Cells of a table's row, and what is code in its first one.
    Row(usize, Vec<String>),
    /// A block's language, the mark before it, and its lines without comments.
    Block(String, String, Vec<String>),
}

fn parts(page: &str) -> Vec<Part> {
    let (mut parts, mut mark) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let body = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
            let commands = body.filter(|line| !line.trim_start().starts_with('#')).map(in_english).collect();
            parts.push(Part::Block(language.to_owned(), std::mem::take(&mut mark), commands));
        } else if let Some(text) = line.strip_prefix("<!-- ").and_then(|text| text.strip_suffix(" -->")) {
            text.split(':').next().unwrap().clone_into(&mut mark);
        } else if line.starts_with('#') {
            parts.push(Part::Headline(line.chars().take_while(|c| *c == '#').count()));
        } else if line.starts_with('|') {
            // A pipe inside of code is written as \|.
            let cells: Vec<_> = line.replace("\\|", " ").split('|').map(str::to_owned).collect();
            let code = cells[1].split('`').skip(1).step_by(2).map(str::to_owned).collect();
            parts.push(Part::Row(cells.len(), code));
        }
    }
    parts
}

/// A command without the comment after it, and with pages and options of the other language's by their English names.
fn in_english(line: &str) -> String {
    let command = line.split("  #").next().unwrap().trim_end();
    command.replace("_CN.md", ".md").replace(".env.example.cn", ".env.example.en").replace(" --lang cn", "")
}

const PAIRS: &[(&str, &str)] = &[
    ("README.md", "README_CN.md"),
    ("docs/CONFIGURATION.md", "docs/CONFIGURATION_CN.md"),
    ("docs/MIGRATION.md", "docs/MIGRATION_CN.md"),
    ("docs/OPERATIONS.md", "docs/OPERATIONS_CN.md"),
];

#[test]
fn both_languages_have_the_same_headlines_tables_and_commands() {
    for (english, chinese) in PAIRS {
        let (of_english, of_chinese) = (parts(&read(english)), parts(&read(chinese)));

        for (one, other) in of_english.iter().zip(&of_chinese) {
            assert_eq!(one, other, "{english} and {chinese} part ways");
        }
        assert_eq!(of_english.len(), of_chinese.len(), "{english} and {chinese}: one has more");
    }
}

/// What runs a block: the test of the tour; test-images.sh; test-deploy.sh, which has Compose read its files and starts
/// nothing; or a person by hand, with what a test does instead, or why none can.
const MARKS: &[&str] = &["tour", "images", "deploy", "by hand"];

/// The pages with blocks of commands.
const PAGES: &[&str] =
    &["README.md", "docs/MIGRATION.md", "docs/OPERATIONS.md", "SECURITY.md", "deploy/README.md"];

#[test]
fn every_command_is_run_by_a_test_or_says_that_it_is_not() {
    for page in PAGES {
        for part in parts(&read(page)) {
            let Part::Block(language, mark, commands) = part else { continue };
            if ["bash", "python"].contains(&language.as_str()) {
                assert!(MARKS.contains(&mark.as_str()), "{page}: no mark before\n{}", commands.join("\n"));
            }
        }
    }
}

#[test]
fn the_program_knows_every_command_that_is_written_for_it() {
    const CALLS: &[&str] =
        &["api-key-rotator ", "target/release/api-key-rotator ", "docker exec rotator api-key-rotator "];
    let folder = Folder::new();
    let mut known = 0;
    for page in PAGES {
        let text = read(page);
        let arguments = |line| CALLS.iter().find_map(|call| str::strip_prefix(line, call));
        for arguments in text.lines().filter_map(arguments) {
            // With this at its end a command is read, and not carried out.
            let ended = folder.run(&arguments.split(' ').chain(["--help"]).collect::<Vec<_>>(), &[]);
            assert_eq!(ended.code, Some(0), "{page}: {arguments}\n{}", ended.err);
            known += 1;
        }
    }
    assert!(known > 0);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let pages = PAIRS.iter().flat_map(|(english, chinese)| [*english, *chinese]);
    for page in pages.chain(["SECURITY.md", "docs/ARCHITECTURE.md", "docs/SCALING.md", "deploy/README.md"]) {
        let folder = Path::new(page).parent().unwrap();
        for target in read(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder).join(path);
            assert!(found.exists(), "{page} leads to {target}, which is not there");
        }
    }
}
