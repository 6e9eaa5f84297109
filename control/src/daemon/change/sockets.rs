//! Are the ports free that are to be published?
//!
//! All of them are bound before the first step, so that a port that a stranger has is refused while
//! nothing has changed. A port that the plan itself lets go, to publish it for somebody else, is bound when
//! that is done.

use crate::daemon::running::Circumstances;
use crate::model::{NetworkName, Problem, Refusal, Written};
use crate::plan::Step;
use crate::publish::{PublishError, Reserved};
use crate::spec::{Field, Spec};
use crate::topology::queues;
use dataplane::config::Workers;

/// Binds whatever the steps publish, on networks of so many workers.
pub(super) fn reserve(
    steps: &[Step],
    workers: impl Fn(&NetworkName) -> Workers,
    circumstances: &Circumstances,
) -> Result<Vec<Reserved>, PublishError> {
    let published: Vec<_> = published(steps).map(|(_, written)| written).collect();
    let let_go = steps.iter().filter_map(|step| match step {
        Step::Unpublish(_, written) => Some(written.host_ports()),
        _ => None,
    });
    let queues_made = steps.iter().map(|step| match step {
        Step::CreateNetwork(network, _) | Step::CreateEndpoint(network, ..) => {
            queues(workers(network))
        }
        _ => 0,
    });
    let Circumstances { site, rootless, .. } = circumstances;
    let let_go: Vec<_> = let_go.collect();
    Reserved::bind(&published, &let_go, queues_made.sum(), site, *rootless)
}

fn published(steps: &[Step]) -> impl Iterator<Item = (&NetworkName, &Written)> {
    steps.iter().filter_map(|step| match step {
        Step::Publish(network, written) => Some((network, written)),
        _ => None,
    })
}

/// The same with the field that says so; what concerns all of them is said of the first.
pub(super) fn refusal(error: &PublishError, steps: &[Step], spec: &Spec) -> Refusal {
    let is_it = |written: &Written| error.text().is_none_or(|text| text == written.to_string());
    let field = published(steps).find(|(_, written)| is_it(written)).map(|(network, written)| {
        let list = spec.networks.get(network.as_str()).map(|one| &one.publish);
        let reads = |text: &String| text.parse().is_ok_and(|one: Written| one == *written);
        let index = list.and_then(|list| list.iter().position(reads)).unwrap_or_default();
        Field::network(network, "publish").index(index)
    });
    Refusal::new(field.unwrap_or_default(), Problem::Host(error.reason()))
}
