//! Topic patterns: words between dots, `*` for one word and `#` for any number of them.
//!
//! The empty key has *no* word at all, whereas `.` has two empty ones and `a.` ends in one, which
//! `*` matches like any other word. `*` and `#` inside a longer word are ordinary characters.
//! (`rabbit_exchange_type_topic:split_topic_key/1`)

use crate::talk::Name;

/// A binding key of a topic exchange, split into its words once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Pattern {
    words: Vec<Word>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Word {
    /// `*`
    One,
    /// `#`
    Any,
    Literal(Name),
}

/// The words of a topic key; the empty key has none.
fn words(key: &str) -> impl Iterator<Item = &str> + Clone {
    let none = usize::from(key.is_empty());
    key.split('.').skip(none)
}

impl Pattern {
    pub(super) fn new(key: &str) -> Pattern {
        let word = |word: &str| match word {
            "*" => Word::One,
            "#" => Word::Any,
            _ => Word::Literal(word.into()),
        };
        Pattern { words: words(key).map(word).collect() }
    }

    /// Whether a routing key matches. After a mismatch only the latest `#` has to be stretched, by
    /// one word: an earlier one cannot help, because whatever it could still reach, the later one
    /// can reach as well. So this takes at most words × words steps, and no memory.
    pub(super) fn matches(&self, key: &str) -> bool {
        let mut key = words(key);
        let mut at = 0;
        // where the pattern goes on after the latest `#`, and the key from where that was tried
        let mut retry = None;
        loop {
            if let Some(Word::Any) = self.words.get(at) {
                at += 1;
                retry = Some((at, key.clone()));
                continue;
            }
            let fits = match (self.words.get(at), key.next()) {
                (None, None) => return true,
                (Some(Word::One), Some(_)) => true,
                (Some(Word::Literal(wanted)), Some(word)) => *wanted == *word,
                // the key is at its end and the pattern is not
                (Some(_), None) => return false,
                (_, Some(_)) => false,
            };
            if fits {
                at += 1;
                continue;
            }
            let Some((after, from)) = &mut retry else { return false };
            if from.next().is_none() {
                return false;
            }
            at = *after;
            key = from.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(key: &str) -> Vec<&str> {
        if key.is_empty() { Vec::new() } else { key.split('.').collect() }
    }

    /// The rule itself, word for word.
    fn rule(pattern: &[&str], key: &[&str]) -> bool {
        match (pattern, key) {
            ([], key) => key.is_empty(),
            (["#", rest @ ..], key) => (0..=key.len()).any(|skip| rule(rest, &key[skip..])),
            (["*", rest @ ..], [_, key @ ..]) => rule(rest, key),
            ([word, rest @ ..], [first, key @ ..]) => word == first && rule(rest, key),
            (_, []) => false,
        }
    }

    #[test]
    fn the_empty_key_has_no_words() {
        let matching = |key| {
            ["#", "", "#.#", "*", ".", "*.*", "a"].map(|pattern| Pattern::new(pattern).matches(key))
        };
        assert_eq!(matching(""), [true, true, true, false, false, false, false]);
        assert_eq!(matching("."), [true, false, true, false, true, true, false]);
    }

    #[test]
    fn a_star_matches_an_empty_word() {
        assert!(Pattern::new("a.*").matches("a."));
        assert!(Pattern::new("a.*.c").matches("a..c"));
        assert!(!Pattern::new("a.*").matches("a"));
    }

    #[test]
    fn wildcards_inside_a_word_are_literal() {
        assert!(Pattern::new("a*.b#").matches("a*.b#"));
        assert!(!Pattern::new("a*.b#").matches("ax.bx"));
    }

    proptest! {
        #[test]
        fn the_matcher_is_the_rule(pattern in "([ab*#]{0,2}(\\.[ab*#]{0,1}){0,5})", key in "([ab]{0,1}(\\.[ab]{0,1}){0,6})") {
            let expected = rule(&split(&pattern), &split(&key));
            prop_assert_eq!(Pattern::new(&pattern).matches(&key), expected, "{} against {}", pattern, key);
        }
    }
}
