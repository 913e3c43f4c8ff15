//! Queues, exchanges, policies: what the broker refuses, and what it ignores.

use crate::rabbit::{Profile, QueueSpec, Version};
use crate::scenario::build::{profile, queue};
use crate::scenario::problem::{Problem, Problems};
use crate::scenario::tree::Tree;
use crate::talk::{Headers, Name, QueueDeclare, Value};

/// Arguments that mean nothing without another one.
const NEEDS: [(&str, &str); 2] = [
    ("x-dead-letter-routing-key", "x-dead-letter-exchange"),
    ("x-dead-letter-strategy", "x-dead-letter-exchange"),
];

pub(super) fn check(tree: &Tree, problems: &mut Problems) {
    let Some(rabbit) = tree.table("rabbitmq") else { return };
    if rabbit.number::<u32>("nodes") > 1 {
        cluster(rabbit, problems);
    }
    let profile = profile(tree);
    for table in rabbit.tables("queue") {
        refused(table, &profile, problems);
        denied(table, tree, &profile, problems);
        ignored(table, tree, &profile, problems);
    }
}

/// What this model does not have in a cluster.
fn cluster(rabbit: &Tree, problems: &mut Problems) {
    if rabbit.number::<u32>("nodes").is_multiple_of(2) {
        let title = "a cluster of an even number of nodes is not simulated";
        problems.push(
            Problem::error(rabbit.spot_of("nodes"), title)
                .help("write 1, 3 or 5: a majority needs it"),
        );
    }
    for table in rabbit.tables("queue") {
        let name = table.name();
        match table.text("type") {
            Some("quorum") if table.has("node") => {
                let title = format!("the quorum queue `{name}` lives on all nodes");
                problems.push(
                    Problem::error(table.spot_of("node"), title)
                        .help("leave `node` out; a classic queue lives on one node"),
                );
            }
            _ if table.has("node") && !table.flag("exists") => {
                let title = format!("`{name}` will live on the node whose client declares it");
                problems.push(
                    Problem::error(table.spot_of("node"), title)
                        .help("give that client the `broker`, and leave `node` out here"),
                );
            }
            _ => {}
        }
        if table.text("node") == Some("rabbit") {
            let title = "a classic queue lives on one node, and `rabbit` is all of them";
            problems.push(
                Problem::error(table.spot_of("node"), title).help("write node = \"rabbit-2\""),
            );
        }
    }
}

/// What `queue.declare` refuses. The broker names the first reason; asking it for each argument and
/// each property alone gives all of them.
fn refused(table: &Tree, profile: &Profile, problems: &mut Problems) {
    let whole = queue(table);
    let kind = whole.arguments.get("x-queue-type").cloned();
    let plain = |arguments: Headers| QueueDeclare {
        queue: whole.queue.clone(),
        durable: true,
        arguments: arguments
            .into_iter()
            .chain(kind.clone().map(|it| ("x-queue-type".into(), it)))
            .collect(),
        ..QueueDeclare::default()
    };
    let mut ask = |declare: &QueueDeclare, spot, label: String, mend: String| {
        let refused = QueueSpec::parse(declare, profile).err();
        if let Some(error) = &refused {
            let title = format!("the broker refuses this queue: {error}");
            problems.push(Problem::error(spot, title).label(label).help(mend));
        }
        refused.is_some()
    };
    let mut said = false;
    let type_label = |what: &str| match table.text("type") {
        Some(kind) => format!("{what} a {kind} queue cannot have"),
        None => String::new(),
    };
    let arguments = table.table("arguments");
    for (name, value) in arguments.map(Tree::headers).unwrap_or_default() {
        let needs = NEEDS.iter().find(|(it, _)| name == *it).map(|(_, other)| Name::from(*other));
        let companion =
            needs.and_then(|other| Some((other.clone(), whole.arguments.get(&other)?.clone())));
        let declare = plain(companion.into_iter().chain([(name.clone(), value)]).collect());
        let spot = arguments.map_or(&table.spot, |arguments| arguments.spot_of(name.as_str()));
        said |=
            ask(&declare, spot, String::new(), format!("leave `{name}` out, or change its value"));
    }
    let properties = [
        ("durable", !whole.durable),
        ("exclusive", whole.exclusive),
        ("auto_delete", whole.auto_delete),
    ];
    for (property, set) in properties {
        if set {
            let mut declare = plain(Headers::new());
            match property {
                "durable" => declare.durable = false,
                "exclusive" => declare.exclusive = true,
                _ => declare.auto_delete = true,
            }
            let mend = format!("leave `{property}` out, or choose another `type`");
            said |= ask(&declare, table.spot_of(property), type_label("a property that"), mend);
        }
    }
    // a name that is reserved, or a combination that no single question shows
    if !said {
        let mend = "names that begin with amq. belong to the broker, and have at most 255 bytes";
        ask(&whole, table.spot_of("name"), String::new(), mend.to_owned());
    }
}

/// What the version denies.
fn denied(table: &Tree, tree: &Tree, profile: &Profile, problems: &mut Problems) {
    if profile.transient_queues_denied && !table.flag("durable") && !table.flag("exclusive") {
        let title =
            format!("{} denies queues that are neither durable nor exclusive", profile.name);
        problems.push(
            Problem::error(table.spot_of("durable"), title)
                .also(tree.spot_of("profile"), "because of this version")
                .help("leave `durable` out: deprecated_features.permit.transient_nonexcl_queues is false from 4.3 on"),
        );
    }
    if table.flag("exclusive") && table.flag("exists") {
        let title = "an exclusive queue belongs to the connection that declares it";
        problems.push(Problem::error(table.spot_of("exclusive"), title).help(format!(
            "say exists = false here, and declares = [\"{}\"] where its owner is",
            table.name()
        )));
    }
}

/// What is accepted and has no effect.
fn ignored(table: &Tree, tree: &Tree, profile: &Profile, problems: &mut Problems) {
    let Some(arguments) = table.table("arguments") else { return };
    let since = |major, minor| profile.version >= Version::new(major, minor);
    let mut warn = |key: &str, why: String| {
        let problem =
            Problem::warning(arguments.spot_of(key), format!("`{key}` has no effect: {why}"));
        problems
            .push(problem.also(tree.spot_of("profile"), "in this version").help("leave it out"));
    };
    if arguments.has("x-queue-mode") && since(3, 12) {
        warn("x-queue-mode", "since 3.12 classic queues keep little in memory anyway".into());
    }
    if arguments.whole("x-queue-version") == Some(1) && since(4, 0) {
        warn("x-queue-version", "since 4.0 there is only version 2".into());
    }
    let overflow = arguments.entry("x-overflow").and_then(|entry| entry.as_text());
    let quorum = table.text("type") == Some("quorum");
    if quorum && overflow == Some("reject-publish-dlx") {
        let title = "quorum queues accept reject-publish-dlx and treat it as drop-head";
        problems.push(
            Problem::warning(arguments.spot_of("x-overflow"), title)
                .help("write \"reject-publish\" to have publishes refused"),
        );
    }
    let at_least_once = arguments.entry("x-dead-letter-strategy").and_then(|entry| entry.as_text())
        == Some("at-least-once");
    if quorum && at_least_once && overflow != Some("reject-publish") {
        let title = "at-least-once dead lettering silently falls back to at-most-once without x-overflow = \"reject-publish\"";
        problems.push(
            Problem::warning(arguments.spot_of("x-dead-letter-strategy"), title)
                .help("write x-overflow = \"reject-publish\" next to it"),
        );
    }
    let bounded = arguments.has("x-max-length") || arguments.has("x-max-length-bytes");
    let needed = quorum && at_least_once;
    if arguments.has("x-overflow") && !bounded && !needed {
        let title = "`x-overflow` has no effect: the queue has no maximum length";
        problems.push(
            Problem::warning(arguments.spot_of("x-overflow"), title)
                .help("write x-max-length = 10000 next to it, or leave it out"),
        );
    }
    if arguments.headers().get("x-max-priority") == Some(&Value::Int(0)) {
        let title = "`x-max-priority` 0 is a queue without priorities";
        problems.push(
            Problem::warning(arguments.spot_of("x-max-priority"), title)
                .help("write the highest priority, such as 10, or leave it out"),
        );
    }
}
