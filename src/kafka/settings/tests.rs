use super::check::Valid;
use super::table::{lines, read, rows};
use super::{DefaultValue, Kind, Owner, Unknown, all, find};
use crate::kafka::Version;

const V2_8: Version = Version::new(2, 8);
const V3_9: Version = Version::new(3, 9);
const V4_1: Version = Version::new(4, 1);

#[test]
fn every_row_can_be_read_and_means_something() {
    for owner in Owner::ALL {
        for line in lines(owner) {
            let row = read(line).unwrap_or_else(|| panic!("{owner:?}: {line}"));
            assert!(Valid::read(row.valid).is_some(), "{owner:?}: {line}");
        }
    }
}

/// So many the running classes of 4.1.1 listed.
#[test]
fn the_tables_of_4_1_are_complete() {
    let sizes = Owner::ALL.map(|owner| all(owner, V4_1).count());
    assert_eq!(sizes, [112, 115, 336, 34, 10]);
}

#[test]
fn no_version_has_a_setting_twice() {
    let versions = (2..=4).flat_map(|major| (0..=9).map(move |minor| Version::new(major, minor)));
    for version in versions {
        for owner in Owner::ALL {
            let mut names: Vec<&str> = all(owner, version).map(|row| row.name).collect();
            names.sort_unstable();
            let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
            assert_eq!(twice, None, "{owner:?} of {version}");
        }
    }
}

#[test]
fn a_default_is_valid() {
    for owner in Owner::ALL {
        for row in rows(owner) {
            let DefaultValue::Value(value) = row.default else { continue };
            let list = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
            let value = if row.kind == Kind::List { list.unwrap_or(value) } else { value };
            // Kafka does not check its own defaults, and these are empty
            if row.valid == "non-empty list" && value.is_empty() {
                continue;
            }
            assert_eq!(row.check(value), Ok(()), "{owner:?}");
        }
    }
}

fn default(owner: Owner, name: &str, version: Version) -> String {
    find(owner, name, version).map_or_else(|why| why.to_string(), |row| row.default.to_string())
}

#[test]
fn defaults_that_changed_are_those_of_their_version() {
    let producer = |name, version| default(Owner::Producer, name, version);
    assert_eq!([producer("acks", V2_8), producer("acks", V4_1)], ["1", "all"]);
    assert_eq!(producer("enable.idempotence", V2_8), "false");
    assert_eq!([producer("linger.ms", V3_9), producer("linger.ms", V4_1)], ["0", "5"]);
    let session = |version| default(Owner::Consumer, "session.timeout.ms", version);
    assert_eq!([session(V2_8), session(V3_9)], ["10000", "45000"]);
}

#[test]
fn a_setting_that_is_not_there_is_explained() {
    let why = |owner, name, version| find(owner, name, version).expect_err("not there");
    let texts = [
        why(Owner::Broker, "zookeeper.session.timeout.ms", V4_1),
        why(Owner::Producer, "retry.backoff.max.ms", V2_8),
        why(Owner::Consumer, "acks", V4_1),
        why(Owner::Topic, "retention", V4_1),
    ]
    .map(|why| why.to_string());
    assert_eq!(
        texts,
        [
            "zookeeper.session.timeout.ms was removed in 4.0",
            "retry.backoff.max.ms is there since 3.7",
            "acks is a setting of a producer",
            "no such setting",
        ]
    );
    assert_eq!(why(Owner::Topic, "", V4_1), Unknown::Nowhere);
}

fn refusal(owner: Owner, name: &str, value: &str, version: Version) -> Option<String> {
    let setting = find(owner, name, version).expect("it is there");
    setting.check(value).err().map(|refused| refused.to_string())
}

#[test]
fn a_wrong_value_is_refused_in_the_words_of_kafka() {
    let refusal = |owner, name, value| refusal(owner, name, value, V4_1).expect("refused");
    assert_eq!(
        refusal(Owner::Producer, "acks", "2"),
        "Invalid value 2 for configuration acks: String must be one of: all, -1, 0, 1"
    );
    assert_eq!(
        refusal(Owner::Producer, "batch.size", "16 KB"),
        "Invalid value 16 KB for configuration batch.size: Not a number of type INT"
    );
    assert_eq!(
        refusal(Owner::Topic, "min.insync.replicas", "0"),
        "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1"
    );
    assert_eq!(
        refusal(Owner::Topic, "min.cleanable.dirty.ratio", "1.5"),
        "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"
    );
    assert_eq!(
        refusal(Owner::Producer, "enable.idempotence", "yes"),
        "Invalid value yes for configuration enable.idempotence: Expected value to be either true \
         or false"
    );
    assert_eq!(
        refusal(Owner::Topic, "cleanup.policy", "compact,drop"),
        "Invalid value compact,drop for configuration cleanup.policy: drop is not one of: compact, \
         delete"
    );
}

#[test]
fn what_is_valid_changed_too() {
    let reset = |value, version| refusal(Owner::Consumer, "auto.offset.reset", value, version);
    assert_eq!(reset("by_duration:P1DT12H", V4_1), None);
    assert_eq!(reset("by_duration:PT0.5S", V4_1), None);
    assert!(reset("by_duration:1 day", V4_1).is_some());
    assert!(reset("by_duration:PT", V4_1).is_some());
    assert!(reset("by_duration:P1DT12H", V3_9).is_some());
    let segment = |version| refusal(Owner::Topic, "segment.bytes", "1000", version);
    assert_eq!(segment(V3_9), None);
    assert!(segment(V4_1).is_some());
}

#[test]
fn numbers_of_every_width_have_their_bounds() {
    assert!(refusal(Owner::Producer, "batch.size", "2147483648", V4_1).is_some());
    assert_eq!(refusal(Owner::Producer, "buffer.memory", "2147483648", V4_1), None);
    assert_eq!(refusal(Owner::Topic, "compression.gzip.level", "-1", V4_1), None);
    assert!(refusal(Owner::Topic, "compression.gzip.level", "0", V4_1).is_some());
    assert!(refusal(Owner::Topic, "min.cleanable.dirty.ratio", "NaN", V4_1).is_some());
}
