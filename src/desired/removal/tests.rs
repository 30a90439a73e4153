use serde_json::json;

use super::*;

const NODE: &str = "node-1";

type Change = fn(&mut Claim);

fn node(change: impl FnOnce(&mut Machine)) -> (String, Machine) {
    let provider = ProviderId::read(Some("cn-hangzhou.i-a"), &BTreeMap::new());
    let mut machine = Machine { uid: "u".to_owned(), labels: BTreeMap::new(), provider, deleting: true };
    change(&mut machine);
    (NODE.to_owned(), machine)
}

/// A NodeClaim whose machine is to be released next, but for a change.
fn claim(change: impl FnOnce(&mut Claim)) -> (String, Claim) {
    let mut claim = Claim {
        provider: ProviderId::read(Some("cn-hangzhou.i-a"), &BTreeMap::new()),
        node: Some(NODE.to_owned()),
        deleting: true,
        finalizer: true,
        drained: Truth::True,
        volumes_detached: Truth::True,
        terminating: Truth::Open,
    };
    change(&mut claim);
    ("claim".to_owned(), claim)
}

fn named(name: &str, (_, machine): (String, Machine)) -> (String, Machine) {
    (name.to_owned(), machine)
}

/// Whether it is due, and how far it has come if the object has stepped aside.
fn judged(
    nodes: &[&(String, Machine)],
    claims: &[&(String, Claim)],
    selected: Option<&str>,
) -> (bool, Removal) {
    let (nodes, claims) =
        (nodes.iter().copied().cloned().collect(), claims.iter().copied().cloned().collect());
    let instance = (Region::new("cn-hangzhou"), InstanceId::new("i-a"));
    let found = namers([&instance], &nodes, &claims);
    let namers = &found[&instance];
    let due = namers.due(selected);
    if let Some(due) = &due {
        assert_eq!((due.node.as_str(), due.uid.as_str(), due.claim.as_str()), (NODE, "u", "claim"));
    }
    (due.is_some(), namers.removal(selected))
}

fn provider(text: &str) -> ProviderId {
    ProviderId::read(Some(text), &BTreeMap::new())
}

#[test]
fn i54_every_condition_of_the_node_claim_counts() {
    use Removal::{Due, Going, Pending};
    use Truth::{False, Open, True};
    for (drained, volumes_detached, terminating, removal) in [
        (True, True, Open, Due),
        (True, True, False, Due),
        (True, False, Open, Due),
        (True, False, False, Due),
        (True, Open, Open, Pending),
        (False, True, Open, Pending),
        (Open, True, Open, Pending),
        (Open, Open, Open, Pending),
        (True, True, True, Going),
        (True, False, True, Going),
        // Karpenter has released it, whatever else is said.
        (Open, Open, True, Going),
    ] {
        let claim = claim(|it| {
            (it.drained, it.volumes_detached, it.terminating) = (drained, volumes_detached, terminating);
        });
        let found = judged(&[&node(|_| ())], &[&claim], Some(NODE));
        assert_eq!(found, (removal == Due, removal), "{claim:?}");
    }
}

#[test]
fn i54_a_node_claim_that_lies_or_is_not_being_deleted_lifts_nothing() {
    use Removal::{Pending, Withdrawn};
    let changes: [(&str, Change, Removal); 6] = [
        ("conditions set by hand", |it| it.deleting = false, Withdrawn),
        ("released by hand", |it| (it.deleting, it.terminating) = (false, Truth::True), Withdrawn),
        ("without the finalizer", |it| it.finalizer = false, Pending),
        ("another Node's", |it| it.node = Some("node-2".to_owned()), Pending),
        ("of another machine", |it| it.provider = provider("cn-hangzhou.i-b"), Withdrawn),
        ("in another region", |it| it.provider = provider("cn-beijing.i-a"), Withdrawn),
    ];
    for (what, change, removal) in changes {
        let found = judged(&[&node(|_| ())], &[&claim(change)], Some(NODE));
        assert_eq!(found, (false, removal), "{what}");
    }
    let unnamed = claim(|it| it.node = None);
    assert_eq!(judged(&[&node(|_| ())], &[&unnamed], Some(NODE)), (true, Removal::Due));
    let schemed = claim(|it| it.provider = provider("alicloud://cn-hangzhou.i-a"));
    assert_eq!(
        judged(&[&node(|_| ())], &[&schemed], Some(NODE)),
        (true, Removal::Due),
        "the same in other words"
    );
}

#[test]
fn i54_the_node_is_the_only_one_selected_and_being_deleted() {
    let (pending, withdrawn) = ((false, Removal::Pending), (false, Removal::Withdrawn));
    let due = claim(|_| ());
    assert_eq!(judged(&[&node(|_| ())], &[&due], None), pending, "it is not selected");
    assert_eq!(judged(&[&node(|_| ())], &[&due], Some("node-2")), pending, "another one is selected");
    let stays = node(|it| it.deleting = false);
    assert_eq!(judged(&[&stays], &[&due], Some(NODE)), withdrawn, "it is not being deleted");
    let schemed = node(|it| it.provider = provider("alicloud://cn-hangzhou.i-a"));
    for (twin, said) in [(node(|_| ()), pending), (stays, withdrawn), (schemed, pending)] {
        let twins = [node(|_| ()), named("node-2", twin)];
        for selected in [NODE, "node-2"] {
            assert_eq!(judged(&[&twins[0], &twins[1]], &[&due], Some(selected)), said, "two Nodes name it");
        }
    }
    let other = named("node-2", node(|it| it.provider = provider("cn-hangzhou.i-b")));
    assert_eq!(judged(&[&node(|_| ()), &other], &[&due], Some(NODE)), (true, Removal::Due));
    let twin = ("twin".to_owned(), due.1.clone());
    assert_eq!(judged(&[&node(|_| ())], &[&due, &twin], Some(NODE)), pending, "two NodeClaims name it");
}

#[test]
fn i54_what_karpenter_has_released_goes_and_what_comes_back_does_not() {
    let [going, pending, withdrawn] =
        [Removal::Going, Removal::Pending, Removal::Withdrawn].map(|removal| (false, removal));
    let released = claim(|it| it.terminating = Truth::True);
    assert_eq!(judged(&[], &[], None), going, "both are gone");
    assert_eq!(judged(&[], &[&released], None), going, "the Node goes first");
    assert_eq!(judged(&[], &[&claim(|_| ())], None), withdrawn, "somebody took the Node away");
    assert_eq!(judged(&[&node(|_| ())], &[], Some(NODE)), withdrawn, "somebody took the NodeClaim away");
    assert_eq!(judged(&[&node(|_| ())], &[&released], None), pending, "it is no longer selected");
    let again = node(|it| it.deleting = false);
    assert_eq!(judged(&[&again], &[], Some(NODE)), withdrawn, "the machine has joined again");
    assert_eq!(judged(&[&again], &[&released], Some(NODE)), withdrawn);
    let another = ("new".to_owned(), claim(|it| it.deleting = false).1);
    assert_eq!(judged(&[], &[&released, &another], None), withdrawn, "a new NodeClaim stands for it");
}

#[test]
fn a_node_claim_is_read_as_karpenter_writes_it() {
    let read = |metadata: serde_json::Value, status: serde_json::Value| {
        Claim::of(&serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap())
    };
    let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status });
    let full = read(
        json!({ "name": "c", "deletionTimestamp": "2026-01-01T00:00:00Z",
                "finalizers": ["example.com/other", "karpenter.sh/termination"] }),
        json!({ "providerID": "cn-hangzhou.i-a", "nodeName": NODE, "conditions": [
            condition("Ready", "True"), condition("Drained", "True"), condition("VolumesDetached", "False"),
            condition("InstanceTerminating", "Unknown"),
        ] }),
    );
    assert_eq!(full, claim(|it| it.volumes_detached = Truth::False).1);
    let bare = read(json!({ "name": "c", "finalizers": ["karpenter.sh"] }), json!({ "nodeName": "" }));
    assert_eq!(
        (bare.provider, bare.node, bare.deleting, bare.finalizer),
        (ProviderId::Missing, None, false, false)
    );
    assert_eq!(
        (bare.drained, bare.volumes_detached, bare.terminating),
        (Truth::Open, Truth::Open, Truth::Open)
    );
}
