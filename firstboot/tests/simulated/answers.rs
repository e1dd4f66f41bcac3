//! Answers shaped as glusterd 10.3 shapes them.

use crate::glusterd::Definition;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<cliOutput>\n";

fn wrap(result: i32, errno: i32, said: &str, body: &str) -> String {
    let said =
        if said.is_empty() { "  <opErrstr/>\n".to_owned() } else { format!("  <opErrstr>{}</opErrstr>\n", said.replace('\'', "&apos;")) };
    format!("{HEAD}  <opRet>{result}</opRet>\n  <opErrno>{errno}</opErrno>\n{said}{body}</cliOutput>\n")
}

pub(crate) fn done(errno: i32, output: &str) -> String {
    wrap(0, errno, "", &format!("  <output>{output}</output>\n"))
}

pub(crate) fn refused(errno: i32, said: &str) -> String {
    wrap(-1, errno, said, "")
}

pub(crate) fn pool(own: Option<&str>, others: &[(String, Vec<String>, u32, bool)]) -> String {
    let mut body = String::from("  <peerStatus>\n");
    for (uuid, names, state, is_connected) in others {
        let all: String = names.iter().map(|name| format!("        <hostname>{name}</hostname>\n")).collect();
        let words = match state {
            3 => "Peer in Cluster",
            4 => "Accepted peer request",
            6 => "Peer Rejected",
            _ => "Probe Sent to Peer",
        };
        body += &format!(
            "    <peer>\n      <uuid>{uuid}</uuid>\n      <hostname>{}</hostname>\n      <hostnames>\n{all}      </hostnames>\n      \
             <connected>{}</connected>\n      <state>{state}</state>\n      <stateStr>{words}</stateStr>\n    </peer>\n",
            names[0],
            u8::from(*is_connected)
        );
    }
    if let Some(uuid) = own {
        body += &format!(
            "    <peer>\n      <uuid>{uuid}</uuid>\n      <hostname>localhost</hostname>\n      <connected>1</connected>\n    </peer>\n"
        );
    }
    wrap(0, 0, "", &(body + "  </peerStatus>\n"))
}

pub(crate) fn volumes<'a>(volumes: impl Iterator<Item = (&'a String, &'a Definition)>) -> String {
    let mut body = String::new();
    let mut count = 0;
    for (name, volume) in volumes {
        count += 1;
        body += &format!(
            "      <volume>\n        <name>{name}</name>\n        <id>{}</id>\n        <status>{}</status>\n        <statusStr>x</statusStr>\n        \
             <snapshotCount>0</snapshotCount>\n        <brickCount>{2}</brickCount>\n        <distCount>1</distCount>\n        \
             <replicaCount>{2}</replicaCount>\n        <arbiterCount>0</arbiterCount>\n        <disperseCount>0</disperseCount>\n        \
             <redundancyCount>0</redundancyCount>\n        <type>2</type>\n        <bricks>\n",
            volume.id,
            volume.status,
            volume.bricks.len()
        );
        for (brick, uuid) in &volume.bricks {
            body += &format!(
                "          <brick uuid=\"{uuid}\">{brick}<name>{brick}</name><hostUuid>{uuid}</hostUuid><isArbiter>0</isArbiter></brick>\n"
            );
        }
        body += &format!("        </bricks>\n        <optCount>{}</optCount>\n        <options>\n", volume.options.len());
        for (option, value) in &volume.options {
            body += &format!(
                "          <option>\n            <name>{option}</name>\n            <value>{value}</value>\n          </option>\n"
            );
        }
        body += "        </options>\n      </volume>\n";
    }
    wrap(0, 0, "", &format!("  <volInfo>\n    <volumes>\n{body}      <count>{count}</count>\n    </volumes>\n  </volInfo>\n"))
}

pub(crate) fn status(volume: &str, bricks: &[(String, String, bool)]) -> String {
    let mut body = format!(
        "  <volStatus>\n    <volumes>\n      <volume>\n        <volName>{volume}</volName>\n        <nodeCount>{}</nodeCount>\n",
        bricks.len() * 2
    );
    let node = |host: &str, path: &str, uuid: &str, is_online: bool| {
        let online = u8::from(is_online);
        format!(
            "        <node>\n          <hostname>{host}</hostname>\n          <path>{path}</path>\n          <peerid>{uuid}</peerid>\n          <status>{online}</status>\n          <port>N/A</port>\n          <pid>-1</pid>\n        </node>\n"
        )
    };
    for (brick, uuid, is_online) in bricks {
        let (host, path) = brick.split_once(':').unwrap();
        body += &node(host, path, uuid, *is_online);
    }
    for (brick, uuid, _) in bricks {
        body += &node("Self-heal Daemon", brick.split_once(':').unwrap().0, uuid, true);
    }
    wrap(0, 0, "", &(body + "        <tasks/>\n      </volume>\n    </volumes>\n  </volStatus>\n"))
}
