use crate::support::Folder;

/// A folder with a certificate for localhost, and the variables that use it.
fn folder_with_certificate() -> (Folder, [(&'static str, &'static str); 2]) {
    let folder = Folder::new();
    let pair = rcgen::generate_simple_self_signed(["rotator.example.com".to_owned()]).unwrap();
    folder.write("tls.crt", &pair.cert.pem());
    folder.write("tls.key", &pair.signing_key.serialize_pem());
    (folder, [("TLS_CERT_FILE", "tls.crt"), ("TLS_KEY_FILE", "tls.key")])
}

#[test]
fn a_healthcheck_passes_over_tls_whatever_host_the_certificate_names() {
    let (folder, tls) = folder_with_certificate();
    let server = folder.serve(&tls);
    let port = server.port();
    let variables = [&tls[..], &[("BACKEND_PORT", &port)]].concat();

    let ended = folder.run(&["healthcheck"], &variables);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(server.log().contains("https://localhost"), "{}", server.log());
}

#[test]
fn half_a_pair_and_a_key_of_another_certificate_are_refused() {
    let (folder, tls) = folder_with_certificate();
    assert!(folder.run(&[], &tls[..1]).is_refusal_about("TLS_KEY_FILE"));
    assert!(folder.run(&[], &tls[1..]).is_refusal_about("TLS_CERT_FILE"));

    let other = rcgen::generate_simple_self_signed(["other".to_owned()]).unwrap();
    folder.write("tls.key", &other.signing_key.serialize_pem());
    let ended = folder.run(&[], &tls);
    assert!(ended.is_refusal_about("TLS_KEY_FILE"), "{ended:?}");
}
