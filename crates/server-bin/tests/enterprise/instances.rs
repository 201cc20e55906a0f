//! Several instances on one MySQL, without Redis.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    cold_start::free_port,
    load::Load,
    mysql::{at, get, shared_port},
    support::{Admin, Folder, PASSWORD, Running, try_call, until},
    upstream::{Manner, start},
};

fn list(admin: &Admin) -> Vec<Value> {
    admin.call("GET", "/instances", &Value::Null).1["items"].as_array().cloned().unwrap_or_default()
}

/// The terms of those that lead.
pub(crate) fn terms(admin: &Admin) -> Vec<i64> {
    list(admin).iter().filter_map(|instance| instance["term"].as_i64()).collect()
}

#[test]
fn of_ten_instances_that_start_at_once_one_makes_the_tables_one_leads_and_all_serve() {
    let (folder, port) = (Arc::new(Folder::new()), shared_port());
    let starts: Vec<_> = (0..10)
        .map(|_| {
            let (folder, port) = (Arc::clone(&folder), port.clone());
            thread::spawn(move || folder.serve(&at(&port, "ten")))
        })
        .collect();
    let mut servers: Vec<Running> = starts.into_iter().map(|start| start.join().unwrap()).collect();
    let made = servers.iter().filter(|server| server.log().contains("database created")).count();
    assert_eq!(made, 1);

    let admin = servers[0].sign_in(PASSWORD).unwrap();
    until(|| list(&admin).len() == 10 && terms(&admin).len() == 1);
    let term = terms(&admin)[0];
    admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    until(|| servers.iter().all(|server| get(server, "echo") == (200, "hi".into())));
    let same = |instances: &[Value]| instances.iter().all(|one| one["snapshot"]["revision"] == json!(2));
    assert!(list(&admin).iter().all(|one| one["database"]["status"] == "ok" && one["hostname"] != ""));

    // The one that leads ends as it should, and is followed at once.
    let leads = |server: &Running| server.log().contains("this instance leads");
    let leader = servers.iter().position(leads).unwrap();
    let leader = servers.remove(leader);
    let (admin, other) = (servers[0].sign_in(PASSWORD).unwrap(), servers[1].sign_in(PASSWORD).unwrap());
    leader.stop();
    assert!(!terms(&admin).contains(&term), "it has left when it has ended");
    until(|| list(&admin).len() == 9 && terms(&admin).iter().any(|later| *later > term));
    until(|| same(&list(&other)));

    // One that is killed is followed when it has not been heard of for long.
    let term = terms(&admin)[0];
    let leader = servers.iter().position(leads).unwrap();
    servers.remove(leader).kill();
    let admin = servers[0].sign_in(PASSWORD).unwrap();
    until(|| terms(&admin).iter().any(|later| *later > term));

    // Who signs out of one has signed out of all.
    let mut elsewhere = admin.clone();
    elsewhere.address = servers[1].address;
    assert_eq!(elsewhere.call("GET", "/session", &Value::Null).0, 200);
    assert_eq!(admin.call("POST", "/logout", &Value::Null).0, 204);
    assert_eq!(elsewhere.call("GET", "/session", &Value::Null).0, 401);
}

/// A front as load balancers are: it leads each connection to the next of the instances that were ready when it last
/// looked.
fn front(instances: [SocketAddr; 2]) -> SocketAddr {
    const PERIOD: Duration = Duration::from_millis(200);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ready = Arc::new(instances.map(|_| AtomicBool::new(true)));
    let looks_at = Arc::clone(&ready);
    thread::spawn(move || {
        loop {
            for (instance, ready) in instances.iter().zip(&*looks_at) {
                let answer = try_call(*instance, "GET", "/readyz", &[], "");
                ready.store(answer.is_some_and(|(status, _)| status == 200), SeqCst);
            }
            thread::sleep(PERIOD);
        }
    });
    thread::spawn(move || {
        for (turn, client) in listener.incoming().map_while(Result::ok).enumerate() {
            let first = turn % 2;
            let next = [first, 1 - first].into_iter().find(|instance| ready[*instance].load(SeqCst));
            // A client that is sent away counts this as a failure.
            if let Some(instance) = next.and_then(|next| TcpStream::connect(instances[next]).ok()) {
                thread::spawn(move || pass(&client, &instance));
            }
        }
    });
    address
}

/// Passes on what both say until the instance ends it.
fn pass(client: &TcpStream, instance: &TcpStream) {
    let (mut up, mut up_to) = (client.try_clone().unwrap(), instance.try_clone().unwrap());
    let (mut down, mut down_to) = (instance.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut up, &mut up_to));
    let _ = std::io::copy(&mut down, &mut down_to);
    let _ = client.shutdown(std::net::Shutdown::Both);
    let _ = instance.shutdown(std::net::Shutdown::Both);
}

#[test]
fn no_request_fails_while_two_instances_are_restarted_twenty_times() {
    const RESTARTS: usize = 20;
    const SOME: usize = 50;
    let (folder, port, listens) = (Folder::new(), shared_port(), [free_port(), free_port()]);
    let serve = |which: usize| {
        let mut variables = at(&port, "rolling");
        variables.push(("BACKEND_PORT", &listens[which]));
        folder.serve(&variables)
    };
    let mut servers = [serve(0), serve(1)].map(Some);
    let admin = servers[0].as_ref().unwrap().sign_in(PASSWORD).unwrap();
    admin.add_service("echo", &format!("http://{}", start(Manner::Friendly)), "sk-upstream-key-1");
    until(|| servers.iter().flatten().all(|server| get(server, "echo").0 == 200));
    let front = front(servers.each_ref().map(|server| server.as_ref().unwrap().address));
    let loads = [Load::start(front), Load::start_keeping(front)];

    for which in (0..RESTARTS).map(|restart| restart % 2) {
        for load in &loads {
            load.serve_more(SOME);
        }
        let mut server = servers[which].take().unwrap();
        server.terminate();
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        servers[which] = Some(serve(which));
        // The front has looked at it again.
        thread::sleep(Duration::from_millis(500));
    }

    for load in loads {
        load.end();
    }
}
