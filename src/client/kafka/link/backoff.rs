//! How long to wait before trying again.

use crate::kafka::clients::Backoff;
use crate::kernel::{Ctx, Dist, Site, Span};
use crate::talk::Mq;

/// The wait before retry number `attempt` (0 is the first) of Java's client: it grows by the factor
/// each time up to the maximum, which also bounds what chance adds.
///
/// Source: `ExponentialBackoff.backoff` of Apache Kafka 4.1.1. librdkafka 2.3 and later follow the
/// same rule (KIP-580).
pub fn exponential(backoff: &Backoff, attempt: u32, site: Site, ctx: &mut Ctx<'_, Mq>) -> Span {
    if backoff.first >= backoff.most {
        return backoff.first;
    }
    let mut term = backoff.first.as_nanos();
    for _ in 0..attempt {
        let next = term.saturating_mul(backoff.factor.into());
        if next <= term || term >= backoff.most.as_nanos() {
            break;
        }
        term = next.min(backoff.most.as_nanos());
    }
    around(Span::from_nanos(term), backoff.jitter, site, ctx).min(backoff.most)
}

/// The first wait of KafkaJS: `randomFromRetryTime(factor, initialRetryTime)`.
///
/// Source: `src/retry/index.js` of KafkaJS 2.2.4.
pub fn kafkajs_first(backoff: &Backoff, site: Site, ctx: &mut Ctx<'_, Mq>) -> Span {
    whole_millis(around(backoff.first, backoff.jitter, site, ctx))
}

/// The wait of KafkaJS after the wait `last`: around the same, times the multiplier, up to
/// `maxRetryTime`. So the walk is random: chance is drawn anew from what it made of the last one.
///
/// Source: `calculateExponentialRetryTime`, `src/retry/index.js` of KafkaJS 2.2.4.
pub fn kafkajs_next(backoff: &Backoff, last: Span, site: Site, ctx: &mut Ctx<'_, Mq>) -> Span {
    let around = whole_millis(around(last, backoff.jitter, site, ctx));
    around.times(backoff.factor.into()).min(backoff.most)
}

/// `span`, up to `percent` more or less.
fn around(span: Span, percent: u8, site: Site, ctx: &mut Ctx<'_, Mq>) -> Span {
    let nanos = span.as_nanos();
    let delta = (u128::from(nanos) * u128::from(percent.min(100)) / 100) as u64;
    if delta == 0 {
        return span;
    }
    let [low, high] = [nanos - delta, nanos.saturating_add(delta)].map(Span::from_nanos);
    ctx.span(site, &Dist::Uniform(low, high))
}

/// Rounded up, as `Math.ceil` of milliseconds does.
fn whole_millis(span: Span) -> Span {
    Span::from_millis(span.as_nanos().div_ceil(1_000_000))
}
