//! The headers exchange: bindings that compare a message's headers, by type and by value.
//! (`rabbit_exchange_type_headers`)

use crate::rabbit::error::ChannelError;
use crate::talk::{Headers, Name, Value};

/// What a binding compares, and how much of it must fit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Match {
    /// One header that fits is enough, instead of all.
    any: bool,
    /// The header and its value; `None` asks only that the header be there.
    wanted: Vec<(Name, Option<Value>)>,
}

impl Match {
    /// Reads the arguments of a binding. `x-match` says how to compare. Headers whose names begin
    /// with `x-` are left out, unless `x-match` ends in `-with-x`. (since 3.10)
    pub(super) fn parse(arguments: &Headers) -> Result<Match, ChannelError> {
        let (any, with_x) = match arguments.get("x-match") {
            None => (false, false),
            Some(Value::Text(how)) => match how.as_str() {
                "all" => (false, false),
                "any" => (true, false),
                "all-with-x" => (false, true),
                "any-with-x" => (true, true),
                other => {
                    return Err(ChannelError::precondition_failed(format_args!(
                        "Invalid x-match field value <<\"{other}\">>; \
                         expected all, any, all-with-x, or any-with-x"
                    )));
                }
            },
            Some(other) => {
                return Err(ChannelError::precondition_failed(format_args!(
                    "Invalid x-match field type {} (value {}); expected longstr",
                    super::super::arguments::kind_of(other),
                    super::super::arguments::term(other),
                )));
            }
        };
        let wanted = arguments
            .iter()
            .filter(|(name, _)| name.as_str() != "x-match")
            .filter(|(name, _)| with_x || !name.as_str().starts_with("x-"))
            .map(|(name, value)| {
                let value = (*value != Value::Void).then(|| value.clone());
                (name.clone(), value)
            })
            .collect();
        Ok(Match { any, wanted })
    }

    /// Whether a message with these headers matches. With nothing to compare, `all` matches
    /// everything and `any` nothing.
    pub(super) fn matches(&self, headers: &Headers) -> bool {
        let fits = |(name, wanted): &(Name, Option<Value>)| match (headers.get(name), wanted) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(value), Some(wanted)) => value == wanted,
        };
        if self.any { self.wanted.iter().any(fits) } else { self.wanted.iter().all(fits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(pairs: &[(&str, Value)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
    }

    fn matches(arguments: &[(&str, Value)], headers: &[(&str, Value)]) -> bool {
        Match::parse(&table(arguments)).unwrap().matches(&table(headers))
    }

    #[test]
    fn headers_are_compared_by_type_and_value() {
        let one = [("a", Value::Int(1))];
        assert!(matches(&one, &[("a", Value::Int(1))]));
        assert!(!matches(&one, &[("a", "1".into())]));
        assert!(!matches(&one, &[("a", Value::Bool(true))]));
    }

    #[test]
    fn a_void_value_asks_only_for_presence() {
        assert!(matches(&[("a", Value::Void)], &[("a", Value::Bool(false))]));
        assert!(matches(&[("a", Value::Void)], &[("a", Value::Void)]));
        assert!(!matches(&[("a", Value::Void)], &[("b", Value::Int(1))]));
    }

    #[test]
    fn all_of_nothing_matches_and_any_of_nothing_does_not() {
        assert!(matches(&[("x-match", "all".into())], &[]));
        assert!(!matches(&[("x-match", "any".into())], &[("a", Value::Int(1))]));
    }

    #[test]
    fn names_that_begin_with_x_count_only_with_x() {
        let message = [("a", Value::Int(1)), ("x-foo", "n".into())];
        let binding = |how: &str| {
            let arguments =
                [("x-match", how.into()), ("x-foo", Value::from("y")), ("a", Value::Int(1))];
            matches(&arguments, &message)
        };
        assert_eq!(
            ["all", "any", "all-with-x", "any-with-x"].map(binding),
            [true, true, false, true]
        );
    }

    #[test]
    fn another_x_match_is_refused() {
        let error = Match::parse(&table(&[("x-match", "some".into())])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "406 PRECONDITION_FAILED - Invalid x-match field value <<\"some\">>; \
             expected all, any, all-with-x, or any-with-x"
        );
    }
}
