//! `redeliver bench`: the figures of the README, on this machine.

use super::{Outcome, args::BenchArgs, out};
use crate::bench::{self, Figure, Size};

pub(super) fn bench(args: &BenchArgs) -> anyhow::Result<Outcome> {
    out::print("Medians of rounds in which all cases of a workload run in turn.\n\n")?;
    let size = if args.quick { Size::QUICK } else { Size::FULL };
    let mut failed = None;
    bench::run(size, &mut |figure| {
        if failed.is_none() {
            failed = out::print(&line(&figure)).err();
        }
    })?;
    failed.map_or(Ok(Outcome::Held), Err)
}

fn line(figure: &Figure) -> String {
    let ratio = figure.ratio.map_or(String::new(), |(ratio, of)| format!("   {ratio:.2} {of}"));
    let Figure { workload, what, value, unit, .. } = figure;
    format!("{workload:<12} {what:<46} {} {unit:<14}{ratio}", number(*value)).trim_end().to_owned()
        + "\n"
}

/// Three significant digits, with thousands set apart.
fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:>12.1}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped:>12}")
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_are_grouped_in_thousands() {
        assert_eq!(number(3.25).trim(), "3.2");
        assert_eq!(number(999.0).trim(), "999");
        assert_eq!(number(1_234_567.0).trim(), "1,234,567");
    }
}
