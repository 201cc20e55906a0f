//! Writes the table of the panel's files, which `src/panel.rs` serves: all that `web/dist` has when this runs.
//!
//! No crate for this: the files are already compressed when they come here, each with a `.br` and a `.gz` beside it,
//! and must be served as they are, in debug builds too.

use std::{
    env,
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/dist");
    // Cargo would run this each time for a folder that is missing. Where it cannot be made, that is what happens.
    let _ = fs::create_dir_all(&folder);
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", folder.display())?;

    let mut paths = Vec::new();
    if folder.join("index.html").exists() {
        collect(&folder, &mut paths)?;
    }
    paths.sort();
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo did not set OUT_DIR"))?;
    fs::write(Path::new(&out).join("panel.rs"), table(&folder, &paths)?)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if !matches!(path.extension().and_then(|text| text.to_str()), Some("br" | "gz")) {
            paths.push(path);
        }
    }
    Ok(())
}

fn table(folder: &Path, paths: &[PathBuf]) -> io::Result<String> {
    let mut text = String::from("&[\n");
    for path in paths {
        let content = fs::read(path)?;
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let name = path.strip_prefix(folder).map_err(io::Error::other)?.display();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "File {{ path: \"/{name}\", tag: \"{:016x}\", plain: {}, brotli: {}, gzip: {} }},",
            hasher.finish(),
            content_of(path),
            twin(path, "br"),
            twin(path, "gz"),
        );
    }
    text.push(']');
    Ok(text)
}

/// The same file, compressed.
fn twin(path: &Path, suffix: &str) -> String {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    let twin = PathBuf::from(name);
    if twin.exists() { format!("Some({})", content_of(&twin)) } else { "None".into() }
}

fn content_of(path: &Path) -> String {
    format!("include_bytes!({:?})", path.to_string_lossy())
}
