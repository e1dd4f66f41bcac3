//! The volume, and what serves it.

use schemars::JsonSchema;

use super::{
    super::{
        read::{Field, Keys, OneOrMany, Options, Read},
        report::Problems,
        yaml::Node,
    },
    plain,
};

section! {
    /// The GlusterFS volume.
    RawVolume, "a mapping with `name` and `type`", ["name", "type"], {
        /// Its name: letters, digits, `_` and `-`.
        #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$"), example = &"volpi")]
        name: String,
        /// How files are kept. `replica 3`: each file on each of three nodes. `arbiter`: on two of each three, the third knows only names
        /// and so settles disputes. `distributed-replicate 3`: sets of three, and each file in one of the sets. `disperse`: each file in
        /// pieces over all nodes. `distribute`: each file on one node only. With `replica 2` the two copies can come to contradict each
        /// other (split brain), so it needs `accept_split_brain`.
        #[schemars(
            regex(pattern = r"^(replica( [0-9]+)?|distributed-replicate [0-9]+|arbiter|disperse|distribute)$"),
            example = &"replica 3", example = &"arbiter", example = &"distributed-replicate 3"
        )]
        r#type: String,
        /// The nodes with a brick of it, in the order in which sets are made of them. Default: all that are not remote, in the profile's order.
        #[schemars(example = &["cluster01", "cluster02", "cluster03"])]
        nodes: OneOrMany<String>,
        /// Where every node that is not remote mounts it.
        #[schemars(example = &"/mnt/www", extend("default" = "/mnt/www"))]
        mount: String,
        /// Addresses and networks of other computers that may mount it. Default: none.
        #[schemars(example = &["192.168.2.20", "192.168.3.0/24"])]
        clients: OneOrMany<String>,
        /// With `type: disperse`: how many nodes may be lost.
        #[schemars(range(min = 1), extend("default" = 1))]
        redundancy: u64,
        /// Whether two copies that contradict each other are accepted, which a type with two copies needs.
        #[schemars(extend("default" = false))]
        accept_split_brain: bool,
        /// Options as `gluster volume set` takes them; they win over those that are set anyway. Who may mount it and what settles
        /// disputes follows from the other keys.
        options: Options,
    }
}

section! {
    /// Serves a folder of the volume.
    RawWeb, "a mapping with `root` and `server_name`", [], {
        /// The folder that is served: the mount point of the volume, which is the default, or a folder in it.
        #[schemars(example = &"/mnt/www/htdocs")]
        root: String,
        /// Name by which the world knows the site.
        #[schemars(example = &"www.example.org")]
        server_name: String,
    }
}
