use super::*;

fn only(body: &str) -> Effect {
    let foreseen = called(Kind::Postinst, &format!("#!/bin/sh\n{body}\n"), &["configure"]).unwrap();
    match foreseen.effects.as_slice() {
        [done] if done.certain => done.effect.clone(),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn users_of_the_system() {
    let base = User {
        name: "new".into(),
        uid: None,
        group: PrimaryGroup::Nogroup,
        home: "/nonexistent".into(),
        makes_home: false,
        shell: "/usr/sbin/nologin".into(),
        gecos: String::new(),
        system: true,
    };
    assert_eq!(only("adduser --quiet --system new"), Effect::User(base.clone()));
    assert_eq!(
        only("adduser --system --group --home /var/lib/new --gecos 'A user' --force-badname new >/dev/null"),
        Effect::User(User {
            group: PrimaryGroup::Own(None),
            home: "/var/lib/new".into(),
            makes_home: true,
            gecos: "A user".into(),
            ..base.clone()
        })
    );
    assert_eq!(
        only("adduser --sys --ing audio --no-create-home --home=/run/new --uid 150 --shell /bin/false new || exit 1"),
        Effect::User(User {
            uid: Some(150),
            group: PrimaryGroup::Named("audio".into()),
            home: "/run/new".into(),
            shell: "/bin/false".into(),
            ..base.clone()
        })
    );
    assert_eq!(
        only("useradd -r -M -d /var/new -s /bin/false -g audio -c Text new"),
        Effect::User(User {
            group: PrimaryGroup::Named("audio".into()),
            home: "/var/new".into(),
            shell: "/bin/false".into(),
            gecos: "Text".into(),
            ..base
        })
    );
}

#[test]
fn groups_and_members() {
    assert_eq!(only("addgroup --system new"), Effect::Group { name: "new".into(), gid: None, system: true });
    assert_eq!(only("groupadd -r -g 42 new"), Effect::Group { name: "new".into(), gid: Some(42), system: true });
    assert_eq!(
        only("getent group new >/dev/null || addgroup --quiet --system new"),
        Effect::Group { name: "new".into(), gid: None, system: true }
    );
    let member = Effect::Member { user: "daemon".into(), group: "audio".into() };
    assert_eq!(only("adduser --quiet daemon audio"), member);
    assert_eq!(only("usermod -a -G audio daemon"), member);
    assert_eq!(only("usermod -aG audio daemon"), member);
    assert_eq!(only("gpasswd -a daemon audio"), member);
    for nothing in ["adduser pi audio", "addgroup --system audio", "adduser --system daemon", "getent passwd root || mystery"] {
        assert_eq!(install(nothing), [""; 0], "{nothing}");
    }
    for other in ["adduser new", "usermod -d /x daemon", "adduser --system $HOME", "adduser --system --nonsense new"] {
        assert!(matches!(only(other), Effect::Other { .. }), "{other}");
    }
}

#[test]
fn an_account_that_was_made_is_there() {
    let made = install("addgroup --system new; getent group new || mystery; adduser --system --ingroup new new; id new || mystery");
    assert!(made.len() == 2 && made.iter().all(|made| !made.contains("mystery")), "{made:?}");
}
