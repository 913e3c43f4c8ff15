//! One file for each class: its definition on top, the smallest history that breaks it, and the
//! judgement. The histories are run by the tests exactly as they stand there.

mod closed_channel;
mod dead_letter_header;
mod dead_letter_loss;
mod diverged;
mod double_owner;
mod duplicate_delivery;
mod duplicate_effect;
mod duplicate_log;
mod early_commit;
mod healthy_dead_lettered;
mod leak;
mod lost_acknowledged;
mod lost_to_group;
mod phantom;
mod poison_loop;
mod prefetch_exceeded;
mod redelivered_flag;
mod reordered;
mod rewound;
mod skipped;
mod stuck;
mod stuck_kafka;
mod torn_transaction;
mod unbounded;
mod zombie_commit;
mod zombie_effect;

pub(super) use stuck::Open;
