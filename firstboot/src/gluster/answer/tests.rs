//! Answers of a real glusterd 10.3.

use super::*;

const POOL: &str = include_str!("samples/pool-list.xml");
const INFO: &str = include_str!("samples/volume-info.xml");
const STATUS: &str = include_str!("samples/volume-status.xml");
const UNKNOWN_OPTION: &str = include_str!("samples/set-unknown.xml");

#[test]
fn the_pool_is_read() {
    let view = pool(POOL).unwrap();
    assert_eq!(view.own.as_deref(), Some("22222222-2222-4222-8222-222222222222"));
    let [first, third] = &view.others[..] else { panic!("{view:?}") };
    assert!(first.is_member() && first.has_name("h1") && !first.has_name("h3"));
    assert_eq!((third.state, third.state_text.as_str(), third.is_member()), (6, "Peer Rejected", false));
    assert_eq!(view.find(&first.uuid), Some(first));
}

#[test]
fn other_names_are_names_too() {
    let xml = POOL.replacen("<hostname>h1</hostname>", "<hostname>10.77.0.1</hostname>", 1);
    let view = pool(&xml).unwrap();
    assert_eq!(view.others[0].names, ["10.77.0.1", "h1"]);
}

#[test]
fn a_volume_is_read() {
    let volumes = volumes(INFO).unwrap();
    let [volume] = &volumes[..] else { panic!("{volumes:?}") };
    assert_eq!((volume.name.as_str(), volume.id.as_str()), ("volpi", "5a559176-a888-4002-a602-ac11fe729c3b"));
    assert_eq!((volume.running, volume.replica, volume.arbiter, volume.disperse), (Running::Started, 3, 0, 0));
    assert_eq!(volume.bricks, ["h1:/export/brick", "h2:/export/brick", "h3:/export/brick"]);
    assert_eq!(volume.options["network.ping-timeout"], "10");
}

#[test]
fn bricks_are_told_from_daemons() {
    let bricks = bricks(&STATUS.replacen("<status>1", "<status>0", 1)).unwrap();
    assert_eq!(bricks.len(), 3);
    assert_eq!(bricks[0], BrickStatus { brick: "h1:/export/brick".into(), is_online: false });
    assert!(bricks[1].is_online && bricks[2].is_online);
}

#[test]
fn a_refusal_says_why() {
    let verdict = verdict(UNKNOWN_OPTION).unwrap();
    assert_eq!((verdict.result, verdict.errno), (-1, 30800));
    assert!(verdict.said.starts_with("option : nosuch.opt does not exist"));
}

#[test]
fn what_is_cut_short_is_odd_everywhere() {
    for sample in [POOL, INFO, STATUS] {
        for end in 0..sample.trim_end().len() {
            let cut = &sample[..end];
            assert!(verdict(cut).is_err() && pool(cut).is_err() && volumes(cut).is_err() && bricks(cut).is_err(), "{end}");
        }
    }
    assert!(verdict("<a/>").is_err());
    assert!(volumes(&INFO.replace("<status>1", "<status>7")).is_err());
    assert!(pool(&POOL.replace("<connected>1", "<connected>x")).is_err());
}
