//! Base images by address: servers that break off, lie and dawdle. Whatever they do, the result is the right image or a clear error, and
//! the cache holds nothing wrong.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod place;
mod program;
mod resume;
mod secure;

use berry_image::{
    base::fetch::Network,
    progress::{Silent, Stop},
};
use place::{Place, digest, image, is, packed};
use support::server::Server;

#[test]
fn a_packed_image_is_downloaded_once() {
    let (place, bytes) = (Place::new(), packed(&image()));
    let server = Server::of(&bytes);
    let url = server.url("/images/raspios.img.gz?token=canary");
    let got = place.get(&url, digest(&bytes)).unwrap();
    is(&place, &got, &image());
    assert_eq!((got.name.as_str(), got.sha256), ("raspios.img.gz", digest(&bytes)));
    place.get(&url, digest(&bytes)).unwrap();
    assert_eq!(server.requests().len(), 1, "the second time it is in the cache");
    assert_eq!(server.requests()[0].target, "/images/raspios.img.gz?token=canary");
    // By another address, with the network forbidden.
    let place = Place { network: Network { offline: true, ..place.network.clone() }, ..place };
    is(&place, &place.get("https://other.example/x", digest(&bytes)).unwrap(), &image());
    assert!(!format!("{:?}", place.cache.inventory().unwrap()).contains("canary"));
}

#[test]
fn a_raw_image_is_moved_into_its_place() {
    let (place, bytes) = (Place::new(), image());
    let server = Server::of(&bytes);
    let got = place.get(&server.url("/x.img"), digest(&bytes)).unwrap();
    is(&place, &got, &bytes);
    let entry = place.cache.get(&place.cache.inventory().unwrap()[0].key).unwrap().unwrap();
    place.cache.verify("x", &entry, &Silent, &Stop::default()).unwrap();
}
