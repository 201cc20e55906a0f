//! An instance that dies while it makes the tables.

use std::process::{Child, Stdio};

use crate::{
    mysql::{at, get},
    own_server::{Console, OwnServer},
    support::{Folder, PASSWORD, until},
    upstream::{Manner, start},
};

const LEDGER: &str = "rotator_migrations";

/// An instance that is killed with this.
struct Doomed(Child);

impl Drop for Doomed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Leaves nothing of the database but the table of the steps it has taken, which are none.
fn forget_all(console: &mut Console) {
    let tables = console.say("SHOW TABLES");
    let others: Vec<_> = tables.into_iter().filter(|table| table != LEDGER).collect();
    console
        .say(&format!("SET foreign_key_checks = 0; DROP TABLE {}; DELETE FROM {LEDGER}", others.join(", ")));
}

/// The connection that waits to note that a step was taken.
fn notes_a_step(console: &mut Console) -> Option<String> {
    let clients = console.say("SHOW FULL PROCESSLIST");
    let noting = clients.into_iter().find(|client| client.contains(&format!("INSERT INTO {LEDGER}")))?;
    Some(noting.split('\t').next()?.to_owned())
}

#[test]
fn instances_that_are_killed_at_each_step_of_a_migration_are_followed_by_one_that_ends_it() {
    let (own, folder) = (OwnServer::start(), Folder::new());
    let port = own.port();
    let variables = at(&port, "killed_migration");
    folder.serve(&variables).stop();
    let mut console = own.console("killed_migration");
    let steps = console.say(&format!("SELECT version FROM {LEDGER}")).len();
    forget_all(&mut console);

    // All of a step is done and not noted; then it is done once more, and noted for nobody.
    for is_noted in [false, true].repeat(steps) {
        console.say(&format!("BEGIN; SELECT * FROM {LEDGER} FOR UPDATE"));
        let mut command = folder.command(&[], &variables);
        let instance = Doomed(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let mut noting = None;
        until(|| {
            noting = notes_a_step(&mut console);
            noting.is_some()
        });
        drop(instance);
        if let Some(id) = noting.filter(|_| !is_noted) {
            console.say(&format!("KILL {id}"));
        }
        console.say("ROLLBACK");
        until(|| notes_a_step(&mut console).is_none());
    }

    assert_eq!(console.say(&format!("SELECT version FROM {LEDGER}")).len(), steps);
    let server = folder.serve(&variables);
    let admin = server.sign_in(PASSWORD).unwrap();
    admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    assert_eq!(get(&server, "echo"), (200, "hi".into()));
}
