//! Which packages: by name, as chosen once. Versions are those of today.

/// What is done with packages of that name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Install,
    /// All that is installed.
    Upgrade,
    Remove,
    /// What came only for them goes, too.
    RemoveWithOrphans,
}

/// A set of packages that are asked for at once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) action: Action,
    pub(crate) packages: Vec<String>,
}

/// The sets with names of their own, then the seeded ones. Lines of a name, what to do, and names of packages.
const SETS: &str = concat!(include_str!("sets.txt"), include_str!("seeded.txt"));

impl Set {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (name, action) = (words.next()?, words.next()?);
        let action = match action {
            "install" => Action::Install,
            "upgrade" => Action::Upgrade,
            "remove" => Action::Remove,
            "autoremove" => Action::RemoveWithOrphans,
            _ => return None,
        };
        Some(Self { name: name.to_owned(), action, packages: words.map(str::to_owned).collect() })
    }
}

/// All sets, in order.
pub(crate) fn sets() -> Vec<Set> {
    let lines = SETS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| Set::parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The set of this name.
pub(crate) fn set(name: &str) -> Set {
    sets().into_iter().find(|set| set.name == name).unwrap_or_else(|| panic!("no set is called {name}"))
}
