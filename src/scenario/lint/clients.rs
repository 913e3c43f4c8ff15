//! Producers, consumers and services: settings that need or exclude each other.

use crate::kernel::Dist;
use crate::rabbit::TimeoutScope;
use crate::scenario::build::profile;
use crate::scenario::keys::MESSAGES;
use crate::scenario::names::Names;
use crate::scenario::problem::{Problem, Problems, nearest};
use crate::scenario::tree::{Entry, Tree};

pub(super) fn check(tree: &Tree, names: &Names, problems: &mut Problems) {
    for table in tree.tables("producer") {
        producer(table, problems);
        in_time(table, tree, problems);
        for poison in table.tables("poison") {
            ill(poison, table, problems);
        }
    }
    for table in tree.tables("consumer") {
        consumer(table, tree, problems);
        effects(table, names, problems);
        if let Some(retry) = table.table("retry") {
            retries(retry, table, tree, problems);
        }
    }
    numbers(tree, names, problems);
    timeouts(tree, problems);
}

/// A setting that is given and has no effect.
fn idle(table: &Tree, key: &str, why: &str, problems: &mut Problems) {
    if table.has(key) {
        let title = format!("`{key}` has no effect: {why}");
        problems.push(Problem::warning(table.key_spot(key), title).help("leave it out"));
    }
}

fn producer(table: &Tree, problems: &mut Problems) {
    let (confirm, rpc) = (table.flag("confirm"), table.has("rpc"));
    let answered = confirm || rpc;
    if table.number::<u32>("window") > 0 && !answered {
        let title = "a `window` counts publishes without an answer, and nothing answers here";
        problems.push(
            Problem::error(table.spot_of("window"), title)
                .help("switch on `confirm`, or leave `window` out"),
        );
    }
    if !confirm {
        for key in ["confirm_timeout", "on_nack", "on_unknown", "outbox"] {
            idle(table, key, "without `confirm` the producer learns nothing", problems);
        }
    }
    if !table.flag("mandatory") {
        idle(table, "on_return", "without `mandatory` nothing comes back", problems);
    }
    if table.text("pace") == Some("window") {
        idle(table, "rate", "with pace = \"window\" the window decides", problems);
        if table.number::<u32>("window") == 0 {
            let title = "pace = \"window\" without a window: all messages are submitted at once";
            problems
                .push(Problem::warning(table.spot_of("pace"), title).help("write window = 100"));
        }
    }
    if table.tables("publish").count() < 2 {
        idle(table, "mix", "there is only one `publish`", problems);
    }
    if let Some(keys) = table.table("keys") {
        let skewed = keys.text("pick") == Some("skewed");
        if skewed && !keys.has("hot") {
            let title = "pick = \"skewed\" needs `hot`: the share of the first entity";
            problems.push(Problem::error(keys.spot_of("pick"), title).help("write hot = \"80%\""));
        }
        if !skewed {
            idle(keys, "hot", "it goes with pick = \"skewed\"", problems);
        }
    }
    for publish in table.tables("publish") {
        if let Some(text) = publish.text("expiration")
            && text.parse::<u64>().is_err()
        {
            let title = "`expiration` is a text of whole milliseconds; the broker closes the channel over anything else";
            problems
                .push(Problem::error(publish.spot_of("expiration"), title).help("write \"60000\""));
        }
    }
}

/// Messages that never come about, because the run ends before.
fn in_time(table: &Tree, tree: &Tree, problems: &mut Problems) {
    let (Some(horizon), Some(Dist::Fixed(gap))) = (tree.span("horizon"), table.dist("rate")) else {
        return;
    };
    if table.text("pace") != Some("rate") || gap.is_zero() || table.has("joined") {
        return;
    }
    let begins = table.span("begins").unwrap_or_default();
    let left = horizon.as_nanos().saturating_sub(begins.as_nanos());
    let most = left / gap.as_nanos() + 1;
    let messages: u64 = table.number("messages");
    if messages > most {
        let title =
            format!("only about {most} of {messages} messages are submitted before the horizon");
        problems.push(
            Problem::warning(table.spot_of("messages"), title)
                .also(tree.spot_of("horizon"), "the run ends here")
                .help("lengthen `horizon`, raise `rate`, or lower `messages`"),
        );
    }
}

pub(super) fn ill(poison: &Tree, producer: &Tree, problems: &mut Problems) {
    if poison.says("messages") == poison.says("every") && poison.unknown.is_empty() {
        let title = "poison needs exactly one of `messages` and `every`";
        problems.push(
            Problem::error(&poison.spot, title)
                .help("write messages = [7], or every = 100")
                .unless_hidden("messages")
                .unless_hidden("every"),
        );
    }
    let kinds: Vec<_> = ["fails", "until_attempt", "takes", "kills"]
        .into_iter()
        .filter(|key| poison.has(key))
        .collect();
    if let [one, other, ..] = kinds.as_slice() {
        let title = format!("a message cannot have both `{one}` and `{other}`");
        problems.push(
            Problem::error(poison.key_spot(other), title)
                .also(poison.key_spot(one), "the other one")
                .help("leave one of them out; several `poison` tables may stand in a list"),
        );
    }
    let count = producer.whole("messages").unwrap_or(MESSAGES);
    for item in poison.list("messages") {
        if item.as_whole().is_some_and(|n| n > count) {
            let title = format!("`{}` sends only {count} messages", producer.name());
            problems.push(
                Problem::error(&item.spot, title)
                    .label("there is no such message")
                    .also(producer.spot_of("messages"), "declared here")
                    .help("the first message of a producer is 1"),
            );
        }
    }
}

fn consumer(table: &Tree, tree: &Tree, problems: &mut Problems) {
    let retry = table.text("on_failure") == Some("retry");
    if retry && !table.says("retry") && table.unknown.is_empty() {
        let title = "on_failure = \"retry\" needs a `retry` table that says how";
        let help = "write retry = { max_retries = 5, exhausted = \"nack-discard\" }";
        problems.push(
            Problem::error(table.spot_of("on_failure"), title).help(help).unless_hidden("retry"),
        );
    }
    if !retry {
        idle(table, "retry", "it goes with on_failure = \"retry\"", problems);
    } else {
        idle(table, "count_by", "`retry` has a `count_by` of its own", problems);
    }
    if table.flag("no_ack") {
        for key in ["prefetch", "ack", "stale_acks"] {
            idle(table, key, "with `no_ack` nothing is acknowledged", problems);
        }
        if table.has("on_failure") && !retry && table.text("on_failure") != Some("crash") {
            idle(
                table,
                "on_failure",
                "with `no_ack` the queue has let go of the message",
                problems,
            );
        }
    }
    if table.flag("exclusive") && table.number::<u32>("instances") > 1 {
        let title =
            "an exclusive consumer can be there only once: the others get 403 ACCESS_REFUSED";
        problems.push(
            Problem::warning(table.spot_of("exclusive"), title)
                .also(table.spot_of("instances"), "but there are several")
                .help("leave `exclusive` out, or `instances`"),
        );
    }
    let profile = profile(tree);
    if table.flag("global") {
        if profile.global_qos_denied {
            let title = format!("{} denies basic.qos with `global`", profile.name);
            problems.push(
                Problem::error(table.spot_of("global"), title)
                    .also(tree.spot_of("profile"), "because of this version")
                    .help("leave `global` out: each consumer then has the prefetch for itself"),
            );
        } else if queue_type(tree, table.text("queue")) == Some("quorum") {
            let title = "quorum queues know no `global` prefetch: 540 NOT_IMPLEMENTED closes the connection";
            problems.push(
                Problem::error(table.spot_of("global"), title)
                    .help("leave `global` out: each consumer then has the prefetch for itself"),
            );
        }
    }
    let Some(handler) = table.table("handler") else { return };
    let forwards: Vec<_> = handler.tables("forward").collect();
    for forward in forwards {
        confirm_channel(forward, table, problems);
    }
    if table.text("count_by") == Some("delivery-count") {
        counts(table, table, tree, problems);
    }
}

fn queue_type<'a>(tree: &'a Tree, name: Option<&str>) -> Option<&'a str> {
    let rabbit = tree.table("rabbitmq")?;
    rabbit.tables("queue").find(|queue| Some(queue.name()) == name)?.text("type")
}

fn confirm_channel(table: &Tree, consumer: &Tree, problems: &mut Problems) {
    if table.flag("wait_for_confirm") && consumer.text("channel") != Some("confirm") {
        let title = "`wait_for_confirm` needs a confirm channel, and this consumer has none";
        problems.push(
            Problem::error(table.spot_of("wait_for_confirm"), title)
                .help("write channel = \"confirm\" in the [[consumer]]"),
        );
    }
}

fn counts(table: &Tree, consumer: &Tree, tree: &Tree, problems: &mut Problems) {
    if queue_type(tree, consumer.text("queue")) == Some("classic") {
        let title = "classic queues count no deliveries: every attempt looks like the first";
        problems.push(
            Problem::warning(table.spot_of("count_by"), title)
                .label("x-delivery-count is added by quorum queues only")
                .help("count by \"header\", or make it type = \"quorum\""),
        );
    }
}

fn effects(table: &Tree, names: &Names, problems: &mut Problems) {
    let Some(handler) = table.table("handler") else { return };
    let effects: Vec<&Entry> = handler.list("effect").iter().collect();
    let called =
        effects.iter().any(|entry| entry.as_text().is_some_and(|name| names.is_service(name)));
    if !called {
        idle(handler, "timeout", "the handler calls no service", problems);
    }
    for entry in effects {
        let Some(name) = entry.as_text().filter(|name| !names.is_service(name)) else { continue };
        if let Some(near) = nearest(name, names.services()) {
            let title = format!(
                "there is no service `{name}`, so this effect takes place inside of the handler"
            );
            problems
                .push(Problem::warning(&entry.spot, title).help(format!("did you mean `{near}`?")));
        }
    }
}

fn retries(retry: &Tree, consumer: &Tree, tree: &Tree, problems: &mut Problems) {
    confirm_channel(retry, consumer, problems);
    if retry.text("count_by") == Some("delivery-count") {
        counts(retry, consumer, tree, problems);
    }
    let via = retry.text("via").unwrap_or_default();
    let only: [(&str, &[&str]); 3] = [
        ("delay-queue", &["queue", "prefix", "declare", "expires", "arguments"]),
        ("message-ttl", &["delay_queue"]),
        ("republish", &["to"]),
    ];
    for (way, keys) in only {
        for key in keys.iter().filter(|_| way != via) {
            idle(retry, key, &format!("it goes with via = \"{way}\""), problems);
        }
    }
    if !matches!(via, "delay-queue" | "message-ttl") {
        for key in ["base", "multiplier", "cap", "jitter"] {
            idle(retry, key, "this way back has no delay", problems);
        }
    }
    if via == "message-ttl" && !retry.says("delay_queue") && retry.unknown.is_empty() {
        let title = "via = \"message-ttl\" needs a `delay_queue`";
        problems.push(
            Problem::error(retry.spot_of("via"), title)
                .help("write delay_queue = \"…\": a queue whose dead letters come back to this one")
                .unless_hidden("delay_queue"),
        );
    }
}

/// So many participants are enough for any question, and few enough to be kept in view.
const PARTICIPANTS: usize = 10_000;

/// All participants and all messages of a run need numbers of their own.
fn numbers(tree: &Tree, names: &Names, problems: &mut Problems) {
    let mut participants: usize = 0;
    for table in tree.tables("producer").chain(tree.tables("consumer")) {
        participants += table.number::<usize>("instances");
        if participants > PARTICIPANTS {
            let title = format!("a run has at most {PARTICIPANTS} producers and consumers");
            problems.push(
                Problem::error(table.spot_of("instances"), title)
                    .label(format!("with these there are {participants}"))
                    .help("lower `instances`"),
            );
            break;
        }
    }
    let mut sum: i64 = 0;
    for table in crate::scenario::producers(tree) {
        let each = table.whole("messages").unwrap_or_default();
        let instances = names.members(table.name()).len();
        sum = sum.saturating_add(each.saturating_mul(i64::try_from(instances).unwrap_or(i64::MAX)));
        if sum > MESSAGES {
            let title = format!("a run has at most {MESSAGES} messages, and this makes {sum}");
            problems.push(
                Problem::error(table.spot_of("messages"), title)
                    .help("lower `messages` or `instances`"),
            );
            return;
        }
    }
    for fault in tree.tables("fault") {
        let Some(when) = fault.entry("when") else { continue };
        let (named, spot) = match when.as_table() {
            Some(table) => (table.whole("message"), table.spot_of("message")),
            None => {
                let words = when.as_text().unwrap_or_default().split_whitespace();
                let mut numbers = words.filter_map(|word| word.strip_prefix('m')?.parse().ok());
                (numbers.next(), &when.spot)
            }
        };
        if let Some(n) = named.filter(|n| !(1..=sum).contains(n)) {
            let title = format!("there is no message m{n}: the producers send m1 to m{sum}");
            problems.push(
                Problem::error(spot, title)
                    .help("messages are numbered over all producers, in the order of the file"),
            );
        }
    }
}

fn timeouts(tree: &Tree, problems: &mut Problems) {
    let Some(rabbit) = tree.table("rabbitmq") else { return };
    let quorum = rabbit.tables("queue").any(|queue| queue.text("type") == Some("quorum"));
    let profile = profile(tree);
    if rabbit.has("consumer_timeout")
        && profile.consumer_timeout == TimeoutScope::QuorumQueues
        && !quorum
    {
        let title = format!(
            "`consumer_timeout` has no effect: in {} it applies to quorum queues only",
            profile.name
        );
        problems.push(
            Problem::warning(rabbit.key_spot("consumer_timeout"), title)
                .also(tree.spot_of("profile"), "in this version")
                .help("make a queue type = \"quorum\", or leave it out"),
        );
    }
}
