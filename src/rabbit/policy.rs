//! Policies: arguments for the queues whose names match.

use super::arguments::{Overflow, QueueSpec};
use super::profile::Profile;
use super::queue::Settings;
use crate::kernel::Span;
use crate::talk::{Headers, Policy, Value};

/// What applies to a queue. Of the policies that match, the last one counts. Numbers take the
/// smaller of argument and policy; for everything else the argument wins. Source:
/// `rabbit_queue_type_util.erl`, `args_policy_lookup/3` with `res_min` and `res_arg`; observed.
pub(crate) fn settings(spec: &QueueSpec, policies: &[Policy], profile: &Profile) -> Settings {
    let empty = Headers::new();
    let policy = policies
        .iter()
        .rev()
        .find(|policy| matches(policy.pattern.as_str(), spec.name.as_str()))
        .map_or(&empty, |policy| &policy.definition);
    let number = |key: &str| policy.get(key).and_then(Value::as_int);
    let natural = |key: &str| number(key).and_then(|n| u64::try_from(n).ok());
    let millis = |key: &str| natural(key).map(Span::from_millis);
    let text = |key: &str| policy.get(key).and_then(Value::as_text);
    let given = |argument: &str| spec.arguments().contains_key(argument);
    let overflow = match text("overflow").map(|overflow| overflow.as_str()) {
        _ if given("x-overflow") => spec.overflow,
        Some("reject-publish") => Overflow::RejectPublish,
        Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
        _ => Overflow::DropHead,
    };
    let at_least_once = if given("x-dead-letter-strategy") {
        spec.at_least_once
    } else {
        text("dead-letter-strategy").is_some_and(|it| *it == *"at-least-once")
    };
    let limit = smaller(spec.delivery_limit, number("delivery-limit"))
        .or_else(|| profile.delivery_limit.map(i64::from))
        .filter(|limit| *limit >= 0 || !profile.negative_limit_is_none);
    Settings {
        message_ttl: smaller(spec.message_ttl, millis("message-ttl")),
        expires: smaller(spec.expires, millis("expires")),
        max_length: smaller(spec.max_length, natural("max-length")),
        max_length_bytes: smaller(spec.max_length_bytes, natural("max-length-bytes")),
        overflow,
        dead_letter_exchange: spec
            .dead_letter_exchange
            .clone()
            .or_else(|| text("dead-letter-exchange").cloned()),
        dead_letter_routing_key: spec
            .dead_letter_routing_key
            .clone()
            .or_else(|| text("dead-letter-routing-key").cloned()),
        at_least_once,
        delivery_limit: limit,
        single_active: spec.single_active_consumer,
    }
}

fn smaller<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Whether `name` matches `pattern`: a regular expression of the subset `^`, `$`, `.`, `*` and
/// literals, with `\` to take the next character as it is. As in the real broker a match may begin
/// and end anywhere unless it is anchored.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    match pattern.split_first() {
        Some(('^', rest)) => matches_here(rest, &name),
        _ => (0..=name.len()).any(|from| matches_here(&pattern, &name[from..])),
    }
}

fn matches_here(pattern: &[char], name: &[char]) -> bool {
    let (one, rest) = match pattern {
        [] => return true,
        ['$'] => return name.is_empty(),
        ['\\', literal, rest @ ..] => (Some(*literal), rest),
        ['.', rest @ ..] => (None, rest),
        [literal, rest @ ..] => (Some(*literal), rest),
    };
    let fits = |c: char| one.is_none_or(|literal| literal == c);
    if let ['*', rest @ ..] = rest {
        let run = name.iter().take_while(|&&c| fits(c)).count();
        return (0..=run).any(|taken| matches_here(rest, &name[taken..]));
    }
    name.first().is_some_and(|&c| fits(c) && matches_here(rest, &name[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_anywhere_unless_anchored() {
        let cases = [
            ("", "q", true),
            (".*", "anything", true),
            ("^q$", "q", true),
            ("^q$", "q2", false),
            ("retry", "q.retry.1000", true),
            ("^q\\.retry\\..*$", "q.retry.1000", true),
            ("^q\\.retry", "qXretry", false),
            ("ab*c", "xacx", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
