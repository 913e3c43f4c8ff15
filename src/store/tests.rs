use super::*;
use crate::kernel::{
    Choose, Collected, Ctx, Dist, Effect, Input, Loss, Node, NodeId, Site, Span, Time,
};
use crate::talk::{MessageId, Mq, Msg, Note, Order, Rate, Timer};

const CALLER: NodeId = NodeId(4);

struct Fixed(u32);

impl Choose for Fixed {
    fn choose(&mut self, _: Site, _: u32) -> u32 {
        self.0
    }
    fn span(&mut self, _: Site, dist: &Dist) -> Span {
        dist.mean()
    }
}

struct Bench {
    service: Service,
    effects: Vec<Effect<Mq>>,
    now: Time,
    draw: u32,
}

impl Bench {
    fn new(config: ServiceConfig) -> Bench {
        let service = Service::new(config);
        Bench { service, effects: Vec::new(), now: Time::ZERO, draw: 0 }
    }

    fn input(&mut self, input: Input<Mq>) {
        self.effects.clear();
        let mut choose = Fixed(self.draw);
        let mut out = Collected { effects: &mut self.effects, choose: &mut choose };
        let mut ctx = Ctx::new(NodeId(9), self.now, &mut out);
        self.service.on(input, &mut ctx);
    }

    fn call(&mut self, call: u32) {
        let msg = Msg::Call { msg: MessageId(call), call };
        self.input(Input::Message { from: CALLER, msg });
    }

    fn done(&mut self, slot: u64) {
        self.input(Input::Timer(Timer::Service(slot)));
    }

    fn kinds(&self) -> Vec<&'static str> {
        let kind = |effect: &Effect<Mq>| match effect {
            Effect::Note(note) => Some(Note::kind(note)),
            _ => None,
        };
        self.effects.iter().filter_map(kind).collect()
    }

    fn answers(&self) -> Vec<(u32, bool)> {
        let answer = |effect: &Effect<Mq>| match effect {
            Effect::Send { to: CALLER, msg: Msg::CallDone { call, ok } } => Some((*call, *ok)),
            _ => None,
        };
        self.effects.iter().filter_map(answer).collect()
    }

    fn serves(&self) -> Vec<u64> {
        let armed = |effect: &Effect<Mq>| match effect {
            Effect::Arm { timer: Timer::Service(slot), .. } => Some(*slot),
            _ => None,
        };
        self.effects.iter().filter_map(armed).collect()
    }
}

fn config() -> ServiceConfig {
    ServiceConfig { takes: Dist::Fixed(Span::from_millis(5)), ..ServiceConfig::new("charge") }
}

#[test]
fn the_effect_takes_place_when_the_call_has_been_served() {
    let mut bench = Bench::new(config());
    bench.call(1);
    assert_eq!((bench.serves(), bench.kinds()), (vec![0], vec![]));
    bench.done(0);
    assert_eq!(bench.kinds(), ["effect"]);
    assert_eq!(bench.answers(), [(1, true)]);
}

#[test]
fn calls_beyond_the_servers_wait_in_order() {
    let mut bench = Bench::new(ServiceConfig { servers: 2, ..config() });
    for call in 1..=4 {
        bench.call(call);
    }
    assert_eq!((bench.service.busy(), bench.service.waiting()), (2, 2));
    bench.done(1);
    assert_eq!(bench.answers(), [(2, true)]);
    assert_eq!(bench.serves(), [1], "the third takes the free place");
}

#[test]
fn a_service_fails_before_or_after_its_effect() {
    let half = Rate::percent(50);
    let before = ServiceConfig { fails: half, ..config() };
    let after = ServiceConfig { fails_after_effect: half, ..config() };
    for (config, kinds) in [(before, vec!["call-failed"]), (after, vec!["effect", "call-failed"])] {
        let mut bench = Bench::new(config);
        bench.draw = Rate::OF - 1;
        bench.call(1);
        bench.done(0);
        assert_eq!(bench.kinds(), kinds);
        assert_eq!(bench.answers(), [(1, false)]);
        bench.draw = 0;
        bench.call(2);
        bench.done(0);
        assert_eq!(bench.kinds(), ["effect"]);
    }
}

#[test]
fn an_outage_refuses_calls_and_those_it_was_serving() {
    let mut bench = Bench::new(config());
    bench.call(1);
    bench.input(Input::Order(Order::Outage(true)));
    assert_eq!(bench.answers(), [(1, false)]);
    bench.done(0);
    assert_eq!(bench.kinds(), [""; 0], "nobody is served any more");
    bench.call(2);
    assert_eq!((bench.kinds(), bench.answers()), (vec!["call-failed"], vec![(2, false)]));
    bench.input(Input::Order(Order::Outage(false)));
    bench.call(3);
    assert_eq!(bench.serves(), [0]);
}

#[test]
fn an_outage_in_which_calls_hang_serves_them_afterwards() {
    let mut bench = Bench::new(ServiceConfig { outage: Outage::Hangs, ..config() });
    bench.call(1);
    bench.input(Input::Order(Order::Outage(true)));
    bench.call(2);
    assert_eq!((bench.kinds(), bench.answers()), (vec![], vec![]));
    bench.input(Input::Order(Order::Outage(false)));
    assert_eq!(bench.serves(), [0, 1]);
    bench.done(0);
    assert_eq!(bench.answers(), [(1, true)]);
}

#[test]
fn a_caller_that_is_gone_gets_its_effect_but_no_answer() {
    let mut bench = Bench::new(config());
    bench.call(1);
    bench.input(Input::Closed(CALLER));
    bench.done(0);
    assert_eq!((bench.kinds(), bench.answers()), (vec!["effect"], vec![]));
}

#[test]
fn a_repetition_is_recognised_as_long_as_it_is_remembered() {
    let hour = Span::from_secs(3_600);
    for (dedup, soon, later) in [
        (Dedup::Never, "effect", "effect"),
        (Dedup::For(hour), "deduplicated", "effect"),
        (Dedup::Always, "deduplicated", "deduplicated"),
    ] {
        let mut bench = Bench::new(ServiceConfig { dedup, ..config() });
        for (after, kind) in [(Span::ZERO, "effect"), (Span::from_secs(1), soon), (hour, later)] {
            bench.now = Time::ZERO + after;
            bench.call(1);
            bench.done(0);
            assert_eq!(bench.kinds(), [kind], "{dedup:?} after {after}");
            assert_eq!(bench.answers(), [(1, true)]);
        }
    }
}

#[test]
fn a_crash_loses_calls_but_not_what_was_seen() {
    let mut bench = Bench::new(ServiceConfig { dedup: Dedup::Always, ..config() });
    bench.call(1);
    bench.done(0);
    bench.call(2);
    let mut choose = Fixed(0);
    let mut out = Collected { effects: &mut Vec::new(), choose: &mut choose };
    bench.service.lose(Loss::Power, &mut Ctx::new(NodeId(9), Time::ZERO, &mut out));
    assert_eq!(bench.service.busy(), 0);
    bench.call(1);
    bench.done(0);
    assert_eq!(bench.kinds(), ["deduplicated"]);
}
