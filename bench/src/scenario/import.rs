//! Many keys at once.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::{
    admin::Admin,
    lab::{Lab, Mode, Subject},
    report::{Amount, Row, Section},
    rotator, targets,
};

const KEYS: u64 = 100_000;

pub(super) fn run(lab: &Lab) -> Result<Section> {
    let mut section =
        Section::new("Many keys", "100 000 keys are added in one batch call of the admin API, then listed.");
    let running = lab.start(Subject::Rotator, Mode::Free)?;
    let admin = Admin::login(running.address)?;
    let upstream = lab.direct().address();
    let config = admin.add_config("many", upstream)?;
    let keys: Vec<String> = (0..KEYS).map(|n| format!("sk-many-{n:024x}")).collect();

    let start = Instant::now();
    admin.add_keys(&config, &keys)?;
    let import = Amount(start.elapsed().as_secs_f64(), "s");
    let start = Instant::now();
    let total = admin.first_page(&config)?;
    let page = Amount(start.elapsed().as_secs_f64() * 1e3, "ms");
    ensure!(total == KEYS, "the list counts {total} keys");

    let name = rotator::BINARY;
    section.rows.push(Row::new("add 100 000 keys", name, import).judged(Some(targets::IMPORT)));
    section.rows.push(Row::new("list the first page of them", name, page));
    let memory = Amount(running.resident_kib()? / 1024.0, "MiB");
    section.rows.push(Row::new("memory then", name, memory));
    Ok(section)
}
