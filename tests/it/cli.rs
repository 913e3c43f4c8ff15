//! The program as a shell sees it: exit codes, what goes to which stream, pipes that close, files
//! that are in the way, and every command that the README and the help name.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use redeliver::scenario::embedded;
use serde_json::Value;

/// A command that runs in `folder` and knows nothing of the terminal that the tests run in.
fn redeliver(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redeliver"));
    command.current_dir(folder).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "RUST_BACKTRACE"] {
        command.env_remove(name);
    }
    command
}

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the folder for tests can be written");
    folder
}

/// What a command said and how it ended.
struct Said {
    out: String,
    err: String,
    code: i32,
}

fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("it says text");
    let said = Said {
        out: text(&output.stdout),
        err: text(&output.stderr),
        code: output.status.code().expect("it ended by itself"),
    };
    assert!(!said.err.contains("panicked"), "{}", said.err);
    assert!(
        !said.out.contains('\u{1b}') && !said.err.contains('\u{1b}'),
        "not plain: {}",
        said.err
    );
    said
}

/// Runs the command of a shell line without its first word. Quotes are single, as in the README.
fn run(folder: &Path, line: &str) -> Said {
    let mut words: Vec<String> = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        match n % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    said(&redeliver(folder).args(words).output().expect("the program starts"))
}

const GOOD: &str = "title = \"Good\"\nhorizon = \"1s\"\n";

#[test]
fn exit_codes_say_how_it_went() {
    let folder = folder("codes");
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).expect("it is written");
    write("good.toml", GOOD);
    write("wrong.toml", "title = \"x\"\nhorizn = \"1s\"\n");
    write("unmet.toml", &format!("{GOOD}[expect]\nphantom = \"violated\"\n"));
    fs::create_dir(folder.join("sub")).expect("it is made");
    let codes = [
        ("--help", 0),
        ("--version", 0),
        ("list", 0),
        ("schema", 0),
        ("guide R1", 0),
        ("guide r1 --format json", 0),
        ("check good.toml hello-queue", 0),
        ("run hello-queue", 0),
        ("run hello-queue --seed 1..3 --jobs 2", 0),
        ("run good", 0),
        ("new fresh", 0),
        // something expected did not come about
        ("run unmet.toml", 1),
        ("run unmet.toml --format json", 1),
        ("run unmet.toml --format jsonl", 1),
        ("run unmet.toml --seed 1..3", 1),
        ("run crash-before-ack --set expect={}", 1),
        // the run does not say: it ends before any handler does
        (
            "run hello-queue --set horizon=1s --set consumer.receiver.handler.takes=2s --set expect={}",
            3,
        ),
        // the input is wrong
        ("", 2),
        ("play hello-queue", 2),
        ("play hello-queue --at yesterday", 2),
        ("play hello-queue --view sideways", 2),
        ("check wrong.toml", 2),
        ("check good.toml nowhere.toml", 2),
        ("check sub", 2),
        ("run wrong.toml", 2),
        ("run nowhere", 2),
        ("run sub", 2),
        ("run hello-queu", 2),
        ("run", 2),
        ("run good.toml --seed x", 2),
        ("run good.toml --seed -1", 2),
        ("run good.toml --seed 9..1", 2),
        ("run good.toml --seed 1..", 2),
        ("run good.toml --seed 18446744073709551616", 2),
        ("run good.toml --jobs 0", 2),
        ("run good.toml --format xml", 2),
        ("run good.toml --format jsonl --seed 1..2", 2),
        ("run good.toml --set horizon", 2),
        ("run good.toml --set horizn=1s", 2),
        ("run good.toml --set horizon=0s", 2),
        ("guide R99", 2),
        ("guide R1 --format jsonl", 2),
        ("new good", 2),
        ("new ../elsewhere", 2),
        ("new ''", 2),
        ("fly hello-queue", 2),
        ("bench --fast", 2),
    ];
    for (line, code) in codes {
        let said = run(&folder, line);
        assert_eq!(said.code, code, "redeliver {line}\n{}{}", said.out, said.err);
        if code == 2 {
            assert!(said.err.starts_with("error: "), "redeliver {line}\n{}", said.err);
            assert!(!said.err.contains("os error"), "redeliver {line}\n{}", said.err);
            assert!(!line.starts_with("run") || said.out.is_empty(), "{line}\n{}", said.out);
        }
    }
}

#[test]
fn one_clear_sentence_where_there_is_no_terminal() {
    let folder = folder("no-terminal");
    for line in ["", "play hello-queue", "play crash-before-ack --at 83 --ascii"] {
        let said = run(&folder, line);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(said.err.contains("needs a terminal") && said.err.contains("redeliver run"));
        assert_eq!((said.out.as_str(), said.code), ("", 2));
    }
}

#[test]
fn help_reads_well() {
    let folder = folder("help");
    let commands = ["", "play ", "run ", "guide ", "list ", "check ", "schema ", "new ", "bench "];
    let pages = commands.map(|command| {
        let said = run(&folder, &format!("{command}--help"));
        assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
        format!("$ redeliver {command}--help\n{}", said.out)
    });
    insta::assert_snapshot!(pages.join("\n").replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn the_list_of_scenarios() {
    insta::assert_snapshot!(run(&folder("list"), "list").out);
}

#[test]
fn every_format_parses() {
    let folder = folder("formats");
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
    for name in ["hello-queue", "crash-before-ack"] {
        let json = parse(&run(&folder, &format!("run {name} --format json")).out);
        assert_eq!(json["scenario"], name);
        assert!(json["steps"].as_u64() > Some(0) && json["classes"].is_array());
        let many = parse(&run(&folder, &format!("run {name} --format json --seed 1..5")).out);
        assert_eq!((&many["runs"], &many["scenario"]), (&Value::from(5), &Value::from(name)));

        let lines = run(&folder, &format!("run {name} --format jsonl")).out;
        let lines: Vec<Value> = lines.lines().map(parse).collect();
        let steps: Vec<u64> = lines
            .iter()
            .filter(|it| it["kind"].is_string())
            .filter_map(|it| it["step"].as_u64())
            .collect();
        let whole: Vec<u64> = (1..=json["steps"].as_u64().unwrap_or(0)).collect();
        assert_eq!(steps, whole, "each step once, in order");
        assert!(lines.iter().all(|it| it["at_ns"].is_u64() && it["what"].is_string()));
        let times: Vec<u64> = lines.iter().filter_map(|it| it["at_ns"].as_u64()).collect();
        assert!(times.is_sorted());
        assert!(lines.iter().any(|it| it["note"] == "confirmed" && it["message"] == "m1"));
    }
    let claims = parse(&run(&folder, "guide R2 --format json").out);
    assert_eq!(
        (claims[0]["claim"].as_str(), claims.as_array().map(Vec::len)),
        (Some("R2"), Some(1))
    );
    for line in [
        "run crash-before-ack --format markdown",
        "run crash-before-ack --format markdown --seed 1..3",
        "guide R2 --format markdown",
    ] {
        tables_are_tables(&run(&folder, line).out);
    }
}

/// Every row of a Markdown table has as many cells as its head.
fn tables_are_tables(text: &str) {
    let mut cells = None;
    let mut rows = 0;
    for line in text.lines() {
        if !line.starts_with('|') {
            cells = None;
            continue;
        }
        let count = line.replace("\\|", "").matches('|').count();
        assert_eq!(count, *cells.get_or_insert(count), "{line}\n{text}");
        rows += 1;
    }
    assert!(rows > 2, "no table: {text}");
}

#[test]
fn signs_of_ascii_say_the_same() {
    let folder = folder("ascii");
    for name in ["crash-before-ack", "r1-poison-without-dlq"] {
        let plain = run(&folder, &format!("run {name} --verbose")).out;
        let ascii = run(&folder, &format!("run {name} --verbose --ascii")).out;
        assert!(ascii.is_ascii(), "{ascii}");
        let translated = plain.replace('✓', "+").replace('✗', "x").replace('·', "-");
        let translated = translated.replace('←', "<-").replace('→', "->");
        assert_eq!(translated, ascii);
    }
}

#[test]
fn a_pipe_that_closes_early_is_no_failure() {
    let folder = folder("pipes");
    let long = "run r1-poison-without-dlq --set horizon=1h --format jsonl";
    for line in ["schema", "guide R1", "list", long] {
        let mut command = redeliver(&folder);
        command.args(line.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut first = String::new();
        let out = child.stdout.take().expect("its output is piped");
        let mut out = BufReader::with_capacity(16, out);
        out.read_line(&mut first).expect("it writes");
        drop(out);
        assert!(!first.is_empty());
        let mut err = String::new();
        let errors = child.stderr.as_mut().expect("its errors are piped");
        errors.read_to_string(&mut err).expect("it ends");
        assert_eq!(err, "", "{line}");
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{line}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_is_one_sentence() {
    let folder = folder("full");
    for line in ["list", "schema", "run hello-queue", "run hello-queue --format jsonl", "guide R1"]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let output = redeliver(&folder).args(line.split(' ')).stdout(full).output();
        let said = said(&output.expect("the program starts"));
        assert_eq!(said.err, "error: standard output cannot be written: No space left on device\n");
        assert_eq!(said.code, 2, "{line}");
    }
}

/// Whether this process was started with interrupts ignored, which its children inherit.
#[cfg(unix)]
fn ignores_interrupts() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (2 - 1)) != 0)
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_a_long_range_at_once() {
    use std::os::unix::process::ExitStatusExt;
    if ignores_interrupts() {
        return; // and so would the program, as it should: it was started by `nohup`, or in the background
    }
    let folder = folder("interrupt");
    let range = "run crash-before-ack --jobs 2 --seed 0..18446744073709551615";
    let mut command = redeliver(&folder);
    command.args(range.split(' ')).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let status = child.wait().expect("it ends");
    // by the signal itself, which a shell reports as 130
    assert_eq!(status.signal(), Some(2));
}

#[test]
fn new_writes_a_good_scenario_and_nothing_over_another_file() {
    let folder = folder("new");
    assert_eq!(run(&folder, "new shop").code, 0);
    let file = folder.join("shop.toml");
    let written = fs::read_to_string(&file).expect("it was written");
    let said = run(&folder, "check shop.toml");
    assert_eq!((said.out.as_str(), said.err.as_str(), said.code), ("shop.toml: ok\n", "", 0));
    assert_eq!(run(&folder, "run shop").code, 0, "what it expects holds");
    fs::write(&file, "mine").expect("it can be written");
    for line in ["new shop", "new shop.toml"] {
        let said = run(&folder, line);
        assert_eq!(said.err, "error: shop.toml is there already, and nothing was changed\n");
        assert_eq!(said.code, 2);
    }
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    assert_ne!(written, "mine");
    assert_eq!(fs::read_dir(&folder).expect("it is there").count(), 1, "no other file is left");
}

#[test]
fn check_names_every_file_and_every_mistake() {
    let folder = folder("check");
    fs::write(folder.join("a.toml"), "horizn = 5\n").expect("it is written");
    fs::write(folder.join("b.toml"), GOOD).expect("it is written");
    fs::write(folder.join("c.toml"), b"\xff\xfe").expect("it is written");
    let said = run(&folder, "check a.toml b.toml c.toml d.toml");
    assert_eq!(said.out, "a.toml: 2 errors\nb.toml: ok\nc.toml: 1 error\n");
    for place in ["--> a.toml:1:1", "--> c.toml:1:1", "`d.toml`"] {
        assert!(said.err.contains(place), "{place}\n{}", said.err);
    }
    assert_eq!(said.code, 2);
}

#[cfg(unix)]
#[test]
fn a_scenario_can_come_through_a_pipe() {
    let folder = folder("stdin");
    let file = folder.join("good.toml");
    fs::write(&file, GOOD).expect("it is written");
    let input = fs::File::open(&file).expect("it is there");
    let output = redeliver(&folder).args(["check", "/dev/stdin"]).stdin(input).output();
    assert_eq!(said(&output.expect("the program starts")).out, "/dev/stdin: ok\n");
    assert_eq!(run(&folder, "check /dev/zero").code, 2, "and one without an end is refused");
}

#[test]
fn a_report_says_how_to_get_there_again() {
    let folder = folder("again");
    let text = embedded::find("crash-before-ack").expect("it is embedded").text;
    fs::write(folder.join("my queue.toml"), text.replace("horizon = \"10s\"", "horizon = \"9s\""))
        .expect("it is written");
    let said = run(&folder, "run 'my queue.toml' --set consumer.worker.prefetch=2");
    let replay = "redeliver play 'my queue.toml' --set consumer.worker.prefetch=2 --seed 1 --at ";
    assert!(said.out.contains(replay), "{}", said.out);
    let same = run(&folder, "run 'my queue.toml' --set consumer.worker.prefetch=2 --seed 1");
    assert_eq!(said.out, same.out);
}

/// Commands of a text that can be run as they stand: not those that need a terminal or a minute.
fn commands(text: &str) -> Vec<String> {
    let fenced = text.lines().map(str::trim);
    let inline = text.split('`').skip(1).step_by(2);
    let commands = fenced.chain(inline).filter_map(|line| {
        let line =
            line.strip_prefix("cargo run --release -- ").or(line.strip_prefix("redeliver "))?;
        // what follows is a comment, or the second column of the help
        let line = line.split(" #").next()?.split("  ").next()?;
        let line = line.split(['>', ';']).next()?.trim();
        if line.starts_with('=') {
            return None; // a line of Cargo.toml
        }
        let placeholder = line
            .split_whitespace()
            .any(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()));
        let other =
            ["play", "bench", "is ", "check my-queue"].iter().any(|it| line.starts_with(it))
                || ["check", "new", "run"].contains(&line);
        (!placeholder && !other && !line.is_empty()).then(|| line.to_owned())
    });
    commands.collect()
}

#[test]
fn every_command_of_the_readme_and_of_the_help_works() {
    let folder = folder("readme");
    let help = run(&folder, "--help").out;
    let mut found = commands(include_str!("../../README.md"));
    assert!(found.len() >= 5, "{found:?}");
    found.extend(commands(&help).into_iter().filter(|line| line != "[COMMAND]"));
    found.sort();
    found.dedup();
    for line in &found {
        let said = run(&folder, line);
        assert!([0, 1].contains(&said.code), "redeliver {line}\n{}", said.err);
        assert_eq!(said.err, "", "redeliver {line}");
    }
    // what `new my-queue` wrote, the help checks
    assert_eq!(run(&folder, "check my-queue.toml").code, 0);
}

#[test]
fn the_scenario_of_the_readme_is_good_and_shows_what_it_expects() {
    let folder = folder("readme-scenario");
    let readme = include_str!("../../README.md");
    let block = readme.split("```toml\n").find(|block| block.starts_with("title"));
    let text = block.and_then(|block| block.split("```").next()).expect("there is one");
    fs::write(folder.join("readme.toml"), text).expect("it is written");
    let said = run(&folder, "check readme.toml");
    assert_eq!((said.out.as_str(), said.err.as_str()), ("readme.toml: ok\n", ""));
    assert_eq!(run(&folder, "run readme.toml --seed 1..20").code, 0);
}

// ── the schema ──

/// Whether `schema` accepts `value`, for the words of JSON Schema that the program uses. Others
/// are an error, and so is what is no schema.
fn accepts(schema: &Value, value: &Value) -> Result<(), String> {
    let words = schema.as_object().expect("a schema is an object");
    let empty = serde_json::Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    for (word, rule) in words {
        let number = || rule.as_f64().expect("a bound is a number");
        let count = || rule.as_u64().expect("a count is a whole number");
        let schemas = || rule.as_array().expect("alternatives are a list").iter();
        let good = match word.as_str() {
            "$schema" | "title" | "description" => rule.is_string(),
            "default" => true,
            "type" => match rule.as_str().expect("a type is a word") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_i64() || value.is_u64(),
                "boolean" => value.is_boolean(),
                other => panic!("no type: {other}"),
            },
            "const" => rule == value,
            // a regular expression is read by whoever has an engine for it
            "pattern" => rule.as_str().is_some_and(|it| it.starts_with('^') && it.ends_with('$')),
            "minimum" => value.as_f64().is_none_or(|n| n >= number()),
            "maximum" => value.as_f64().is_none_or(|n| n <= number()),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= count()),
            "minItems" => !value.is_array() || items.len() as u64 >= count(),
            "maxItems" => !value.is_array() || items.len() as u64 <= count(),
            "minProperties" => !value.is_object() || fields.len() as u64 >= count(),
            "maxProperties" => !value.is_object() || fields.len() as u64 <= count(),
            "required" => {
                let mut names = schemas().map(|name| name.as_str().expect("names are texts"));
                !value.is_object() || names.all(|name| fields.contains_key(name))
            }
            "properties" => {
                for (key, inner) in rule.as_object().expect("properties are an object") {
                    if let Some(value) = fields.get(key) {
                        accepts(inner, value).map_err(|why| format!("{key}: {why}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = words.get("properties").and_then(Value::as_object);
                for (key, value) in
                    fields.iter().filter(|(key, _)| known.is_none_or(|it| !it.contains_key(*key)))
                {
                    match rule {
                        Value::Bool(false) => return Err(format!("{key} is not known")),
                        inner => accepts(inner, value).map_err(|why| format!("{key}: {why}"))?,
                    }
                }
                true
            }
            "items" => {
                for item in items {
                    accepts(rule, item)?;
                }
                true
            }
            "anyOf" => schemas().any(|it| accepts(it, value).is_ok()),
            "oneOf" => schemas().filter(|it| accepts(it, value).is_ok()).count() == 1,
            other => panic!("not a word of the schemas here: {other}"),
        };
        if !good {
            return Err(format!("{value} against {word} {rule}"));
        }
    }
    Ok(())
}

fn json(item: &toml_edit::Item) -> Value {
    fn value(of: &toml_edit::Value) -> Value {
        match of {
            toml_edit::Value::String(it) => it.value().as_str().into(),
            toml_edit::Value::Integer(it) => (*it.value()).into(),
            toml_edit::Value::Float(it) => (*it.value()).into(),
            toml_edit::Value::Boolean(it) => (*it.value()).into(),
            toml_edit::Value::Datetime(it) => it.value().to_string().into(),
            toml_edit::Value::Array(it) => it.iter().map(value).collect(),
            toml_edit::Value::InlineTable(it) => {
                it.iter().map(|(key, inner)| (key.to_owned(), value(inner))).collect()
            }
        }
    }
    match item {
        toml_edit::Item::None => Value::Null,
        toml_edit::Item::Value(of) => value(of),
        toml_edit::Item::Table(of) => {
            of.iter().map(|(key, inner)| (key.to_owned(), json(inner))).collect()
        }
        toml_edit::Item::ArrayOfTables(of) => {
            of.iter().map(|it| json(&toml_edit::Item::Table(it.clone()))).collect()
        }
    }
}

#[test]
fn the_schema_is_one_and_accepts_what_the_program_accepts() {
    let folder = folder("schema");
    let schema: Value = serde_json::from_str(&run(&folder, "schema").out).expect("it is JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let read = |text: &str| {
        let document: toml_edit::DocumentMut = text.parse().expect("it is TOML");
        json(document.as_item())
    };
    for one in embedded::ALL {
        if let Err(why) = accepts(&schema, &read(one.text)) {
            panic!("{}: {why}", one.name);
        }
    }
    assert_eq!(accepts(&schema, &read(&redeliver::scenario::template("shop"))), Ok(()));
    let wrong = [
        "horizn = \"1s\"",
        "messages = 5",
        "[[consumer]]\nname = \"w\"\nqueue = \"q\"\nprefetch = 65536",
        "[[consumer]]\nname = \"w\"",
        "[[fault]]\nat = \"1s\"\ndo = { crash = \"a\", stop = \"b\" }",
        "profile = \"rabbitmq-9.9\"",
        "horizon = 5",
    ];
    for text in wrong {
        let text = format!("title = \"x\"\n{text}\n");
        assert!(accepts(&schema, &read(&text)).is_err(), "accepted: {text}");
    }
}
