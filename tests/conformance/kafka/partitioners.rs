//! Partitioners: which hash and which partition the clients' own code gave for a key.

use std::num::NonZeroU32;

use serde_json::{Map, Value, json};

use redeliver::kafka::partition::{BuiltIn, Partitioner, Partitions, hash};

use super::{Corrupted, Form, Vector, listed, outcome};
use crate::judge::Outcome;

/// `partitioner.json`: every hash of every key, and every partition of every key, rule and number of
/// partitions.
#[derive(Debug)]
pub struct Partitioners;

type Hash = fn(&[u8]) -> i64;

/// The columns of a key that hold a hash.
const HASHES: [(&str, Hash); 4] = [
    ("murmur2_i32", |key| hash::murmur2(key).into()),
    ("murmur2_positive", |key| hash::to_positive(hash::murmur2(key)).into()),
    ("kafkajs_legacy_hash", |key| hash::kafkajs_legacy(key).into()),
    ("crc32_u32", |key| hash::crc32(key).into()),
];

/// The columns of a key that hold its partition by number of partitions, and who places it so.
const PARTITIONS: [(&str, &[Partitioner]); 4] = [
    (
        "partition",
        &[
            Partitioner::BuiltIn,
            Partitioner::Sticky,
            Partitioner::InTurn,
            Partitioner::KafkaJs,
            Partitioner::Murmur2,
            Partitioner::Murmur2Random,
        ],
    ),
    ("kafkajs_legacy_partition", &[Partitioner::KafkaJsLegacy]),
    ("librdkafka_consistent_partition", &[Partitioner::Consistent, Partitioner::ConsistentRandom]),
    ("librdkafka_fnv1a_partition", &[Partitioner::Fnv1a, Partitioner::Fnv1aRandom]),
];

impl Form for Partitioners {
    fn fits(&self, file: &Value) -> bool {
        let first = file.get("vectors").and_then(|vectors| vectors.get(0));
        first.is_some_and(|vector| vector.get("murmur2_i32").is_some())
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        let mut vectors = Vec::new();
        for key in listed(file, "vectors")? {
            of_key(key, &mut vectors)?;
        }
        for (suite, keys) in entries(file.get("spec_vectors")) {
            let column = if suite.contains("legacy") { HASHES[2].0 } else { HASHES[0].0 };
            for (key, hash) in entries(keys.into()) {
                let key: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
                vectors.push(check(column, &key, None, hash));
            }
        }
        if let Some(adaptive) = file.get("adaptive_builtin_partitioner") {
            let name = "adaptive_builtin_partitioner".to_owned();
            vectors.push(Vector { name, fact: adaptive.clone() });
        }
        Ok(vectors)
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        let judged = match vector.fact.get("queue_sizes") {
            Some(_) => judge_adaptive(&vector.fact),
            None => judge_key(&vector.fact),
        };
        judged.unwrap_or_else(Outcome::NotUnderstood)
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let number = match fact.get("cumulative") {
            Some(_) => fact.get_mut("weights")?.get_mut(0)?,
            None => fact.get_mut("result")?,
        };
        *number = json!(number.as_i64()? + 1);
        let what = "one more".to_owned();
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
}

/// What a key was given, one by one.
fn of_key(key: &Value, vectors: &mut Vec<Vector>) -> Result<(), String> {
    let hex = key.get("key_hex").and_then(Value::as_str).ok_or("a key without `key_hex`")?;
    for (column, _) in HASHES {
        let hash = key.get(column).ok_or_else(|| format!("no `{column}`"))?;
        vectors.push(check(column, hex, None, hash));
    }
    for (column, _) in PARTITIONS {
        for (count, partition) in entries(key.get(column)) {
            vectors.push(check(column, hex, Some(count), partition));
        }
    }
    Ok(())
}

fn check(column: &str, key: &str, count: Option<&str>, result: &Value) -> Vector {
    let of = count.map_or(String::new(), |count| format!(" of {count}"));
    let fact = json!({ "column": column, "key": key, "count": count, "result": result });
    Vector { name: format!("{column}{of}: {key}"), fact }
}

fn judge_key(fact: &Value) -> Result<Outcome, String> {
    let text = |name: &str| fact.get(name).and_then(Value::as_str);
    let column = text("column").ok_or("no column")?;
    let key = bytes(text("key").ok_or("no key")?).ok_or("the key is not in hexadecimal")?;
    let expected = fact.get("result").and_then(Value::as_i64).ok_or("no result")?;
    let given: Vec<i64> = match text("count") {
        None => {
            let (_, hash) = HASHES.iter().find(|it| it.0 == column).ok_or("another hash")?;
            vec![hash(&key)]
        }
        Some(count) => {
            let count: NonZeroU32 = count.parse().map_err(|_| "no number of partitions")?;
            let (_, by) = PARTITIONS.iter().find(|it| it.0 == column).ok_or("another rule")?;
            let given = by.iter().filter_map(|by| by.by_key(Some(&key), count));
            given.map(i64::from).collect()
        }
    };
    let wrong = given.iter().find(|given| **given != expected);
    Ok(outcome(given.len(), wrong.map(|given| format!("{expected} expected, {given} given"))))
}

/// The example of Java's own tests: weights, their running sums, and where every number that can be
/// drawn leads to.
fn judge_adaptive(fact: &Value) -> Result<Outcome, String> {
    let numbers = |name: &str| -> Result<Vec<u32>, String> {
        let number = |it: &Value| it.as_u64().and_then(|it| u32::try_from(it).ok());
        let numbers = listed(fact, name)?.iter().map(number).collect::<Option<Vec<u32>>>();
        numbers.ok_or_else(|| format!("{name}: no numbers"))
    };
    let (queues, weights) = (numbers("queue_sizes")?, numbers("weights")?);
    let cumulative = numbers("cumulative")?;
    let count = u32::try_from(queues.len()).ok().and_then(NonZeroU32::new).ok_or("no queues")?;

    let partitions: Vec<u32> = (0..count.get()).collect();
    let topic = Partitions { count, available: &partitions };
    let mut loaded = BuiltIn::default();
    loaded.loaded(count.get(), partitions.iter().copied().zip(queues));
    let sums: Vec<u32> = loaded.load().iter().map(|(sum, _)| *sum).collect();
    let above = |at: usize| sums[at] - if at == 0 { 0 } else { sums[at - 1] };
    let weighed: Vec<u32> = (0..sums.len()).map(above).collect();
    if (&sums, &weighed) != (&cumulative, &weights) {
        return Ok(Outcome::Differs(format!("weights {weighed:?} with the sums {sums:?}")));
    }
    let sum = cumulative.last().copied().unwrap_or_default();
    let misplaced = (0..sum).find(|drawn| {
        let expected = cumulative.iter().position(|it| it > drawn);
        let placed = loaded.clone().current(&topic, &mut |_| *drawn);
        expected != usize::try_from(placed).ok()
    });
    let judged = weights.len() + cumulative.len() + sum as usize;
    Ok(outcome(judged, misplaced.map(|drawn| format!("{drawn} leads elsewhere"))))
}

fn entries(object: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let object = object.and_then(Value::as_object);
    object.into_iter().flat_map(Map::iter).map(|(key, value)| (key.as_str(), value))
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|two| u8::from_str_radix(str::from_utf8(two).ok()?, 16).ok()).collect()
}
