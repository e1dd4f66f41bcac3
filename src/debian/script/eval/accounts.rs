//! Users and groups that the script itself makes or removes.

use super::Machine;

impl Machine<'_> {
    /// What the script itself did to an account: `Some(None)` when it is not known what.
    pub(in crate::debian::script) fn own_account(&self, group: bool, name: &str) -> Option<Option<bool>> {
        if self.accounts_unknown || self.touched.is_none() {
            return Some(None);
        }
        self.accounts.get(&(group, name.to_owned())).copied()
    }

    /// The script made or removed an account.
    pub(in crate::debian::script) fn set_account(&mut self, group: bool, name: &str, exists: bool) {
        let known = self.is_certain().then_some(exists);
        self.accounts.insert((group, name.to_owned()), known);
    }

    /// Accounts may have changed.
    pub(in crate::debian::script) const fn forget_accounts(&mut self) {
        self.accounts_unknown = true;
    }

    /// Whether the script has a function of this name.
    pub(in crate::debian::script) fn is_function(&self, name: &str) -> bool {
        self.state.as_ref().is_some_and(|state| state.function(name).is_some())
    }
}
