//! The rules of transactions, one sentence each.

mod ending;
mod starting;

use super::*;
use crate::kafka::Profile;
use crate::kafka::coordinate::lab::{Lab, Writes};
use crate::kernel::{NodeId, Span};
use crate::talk::kafka::{EndTxn, InitProducer, Marker, TopicId};

const T: TxnId = TxnId(0);
/// A producer's client, and a broker.
const CLIENT: u32 = 7;
const BROKER: u32 = 1;

const P0: TopicPartition = TopicPartition { topic: TopicId(0), partition: 0 };
const P1: TopicPartition = TopicPartition { topic: TopicId(0), partition: 1 };

/// A coordinator, and the broker around it.
struct Bench {
    lab: Lab<TxnCoordinator>,
    ids: u32,
}

impl Bench {
    fn new(profile: &str) -> Bench {
        let coordinator = coordinator(profile);
        let topics: Vec<u16> =
            coordinator.config.topics.iter().map(|topic| topic.partitions).collect();
        let mut lab = Lab::new(coordinator, &topics);
        for topic in &mut lab.image.topics {
            for (n, partition) in topic.partitions.iter_mut().enumerate() {
                partition.leader = Some(NodeId(BROKER + n as u32 % 2));
            }
        }
        Bench { lab, ids: 0 }
    }

    /// Asks, and gives the producer ids that are wanted by the way.
    fn ask_from(&mut self, node: u32, api: Api) -> Answer {
        let correlation = self.lab.send(node, api);
        self.give_ids();
        self.lab.answer(correlation).expect("an answer")
    }

    fn give_ids(&mut self) {
        while let Some(place) =
            self.lab.questions.iter().position(|(_, api, _)| *api == init::for_an_id())
        {
            let (_, _, ticket) = self.lab.questions.remove(place);
            self.ids += 1;
            let identity = ProducerIdentity { id: self.ids, epoch: 0 };
            self.lab.reply(ticket, Some(Answer::InitProducerId(Ok(identity))));
        }
    }

    fn init(&mut self) -> Result<ProducerIdentity, Code> {
        self.init_with(None)
    }

    fn init_with(&mut self, current: Option<ProducerIdentity>) -> Result<ProducerIdentity, Code> {
        let init = InitProducer { txn: Some(T), timeout: Span::from_secs(60), current };
        match self.ask_from(CLIENT, Api::InitProducerId(init)) {
            Answer::InitProducerId(result) => result,
            other => panic!("{other:?}"),
        }
    }

    fn add_from(
        &mut self,
        node: u32,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
        verify_only: bool,
    ) -> Vec<Result<(), Code>> {
        let partitions = partitions.to_vec();
        let add = TxnPartitions { txn: T, producer, partitions, verify_only };
        match self.ask_from(node, Api::AddPartitionsToTxn(Box::new(add))) {
            Answer::AddPartitionsToTxn(each) => each.into_iter().map(|it| it.1).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// A client adds partitions, as under version 1.
    fn add(
        &mut self,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
    ) -> Result<(), Code> {
        self.add_from(CLIENT, producer, partitions, false).into_iter().collect()
    }

    /// A leader does, as under version 2.
    fn produce(
        &mut self,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
    ) -> Result<(), Code> {
        self.add_from(BROKER, producer, partitions, false).into_iter().collect()
    }

    fn end(
        &mut self,
        producer: ProducerIdentity,
        commit: bool,
        version_2: bool,
    ) -> Result<Option<ProducerIdentity>, Code> {
        let end = EndTxn { txn: T, producer, commit, version_2 };
        match self.ask_from(CLIENT, Api::EndTxn(end)) {
            Answer::EndTxn(result) => result,
            other => panic!("{other:?}"),
        }
    }

    /// The markers that are on their way.
    fn markers(&self) -> Vec<(u32, Marker)> {
        let marker = |(to, api, _): &(NodeId, Api, Ticket)| match api {
            Api::WriteTxnMarkers(markers) => Some((to.0, markers[0].clone())),
            _ => None,
        };
        self.lab.questions.iter().filter_map(marker).collect()
    }

    /// All brokers answer for the markers that are on their way.
    fn mark(&mut self, result: Result<(), Code>) {
        for (_, api, ticket) in std::mem::take(&mut self.lab.questions) {
            if let Api::WriteTxnMarkers(markers) = api {
                let each = markers[0].partitions.iter().map(|at| (*at, result));
                self.lab.reply(ticket, Some(Answer::WriteTxnMarkers(each.collect())));
            }
        }
    }

    fn phase(&self) -> TxnPhase {
        self.lab.coordinator.txn(T).expect("it is known").phase
    }

    /// The broker's timer goes off.
    fn scan(&mut self) {
        self.lab.fire(KafkaTimer::TxnScan);
    }
}

fn coordinator(profile: &str) -> TxnCoordinator {
    let mut config = ClusterConfig::new(*Profile::by_name(profile).expect("a profile"));
    config.brokers = vec![NodeId(BROKER), NodeId(BROKER + 1)];
    config.topics.push(config.topic("orders", 2));
    config.groups.push("billing".into());
    config.txns.push("transfer".into());
    config.complete();
    let partition = config.txn_partition(T).expect("it has a partition");
    TxnCoordinator::new(Constant::new(config), partition)
}

fn identity(id: u32, epoch: u16) -> ProducerIdentity {
    ProducerIdentity { id, epoch }
}
