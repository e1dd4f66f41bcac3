//! Simple commands: assignments, functions, and the commands of the shell and of the system.

use super::{Field, Machine, Status, Value, flow::positional};
use crate::debian::script::{
    Effect, ScriptError, commands,
    syntax::{Assignment, Redirection, Word},
};

/// Files that may be read in from each other.
const MAX_SOURCED: usize = 8;
/// Commands of dash and bash that are not followed.
const OWN: [&str; 27] = [
    "alias",
    "bg",
    "bind",
    "caller",
    "compgen",
    "complete",
    "compopt",
    "dirs",
    "disown",
    "enable",
    "fc",
    "fg",
    "help",
    "history",
    "jobs",
    "let",
    "logout",
    "mapfile",
    "popd",
    "pushd",
    "readarray",
    "setvar",
    "shopt",
    "suspend",
    "unalias",
    "coproc",
    "select",
];
/// Characters of a command that are told.
const SHOWN: usize = 120;

impl Machine<'_> {
    pub(super) fn simple(
        &mut self,
        assignments: &[Assignment],
        words: &[Word],
        redirections: &[Redirection],
    ) -> Result<Status, ScriptError> {
        let fields = self.fields(words)?;
        if fields.is_empty() {
            // The status is that of the last substitution, and success when there is none.
            if let Some(state) = self.here() {
                state.last = Status::YES;
            }
            for assignment in assignments {
                let value = self.assigned(assignment)?;
                self.assign(&assignment.name, value)?;
            }
            let status = self.last();
            return self.redirected(redirections, |_| Ok(status));
        }
        let mut before = Vec::new();
        for assignment in assignments {
            let value = self.assigned(assignment)?;
            before.push((assignment.name.clone(), self.variable(&assignment.name)));
            self.assign(&assignment.name, value)?;
        }
        if self.state.is_none() {
            return Ok(Status::YES);
        }
        // What follows a plain `exec` is redirected, too: it prints no longer where it did.
        let result = self.redirected(redirections, |machine| machine.run(&fields));
        for (name, value) in before {
            self.assign(&name, value)?;
        }
        result
    }

    fn assigned(&mut self, assignment: &Assignment) -> Result<Value, ScriptError> {
        let value = self.text(&assignment.value)?;
        Ok(if assignment.opaque { Value::Unknown } else { value.value() })
    }

    /// Runs a command: its name and arguments.
    fn run(&mut self, fields: &[Field]) -> Result<Status, ScriptError> {
        match fields.first().and_then(Field::get).and_then(|name| self.state.as_ref()?.function(name)) {
            Some(Some(body)) => {
                self.spend(fields.len())?;
                self.function(&body, fields.get(1..).unwrap_or_default())
            }
            Some(None) => {
                self.print_unknown();
                self.not_understood(fields, "which function it is, is not known")?;
                Ok(Status::Unknown)
            }
            None => self.run_command(fields),
        }
    }

    /// Runs a command that is no function, whatever functions there are.
    pub(in crate::debian::script) fn run_command(&mut self, fields: &[Field]) -> Result<Status, ScriptError> {
        self.spend(fields.len())?;
        let Some((name, arguments)) = fields.split_first() else { return Ok(Status::YES) };
        let Some(command) = name.get() else {
            self.print_unknown();
            self.not_understood(fields, "which command it is, is not known")?;
            return Ok(Status::Unknown);
        };
        if let Some(status) = self.built_in(command, arguments)? {
            return Ok(status);
        }
        commands::run(self, command, arguments, fields)
    }

    /// The commands of the shell that change the shell.
    fn built_in(&mut self, command: &str, arguments: &[Field]) -> Result<Option<Status>, ScriptError> {
        let status = match command {
            ":" | "true" => Status::YES,
            "false" => Status::NO,
            "exit" | "return" => {
                let status = match arguments.first() {
                    None => self.last(),
                    // As exit(3) does it, only the last eight bits count.
                    Some(code) => code
                        .get()
                        .and_then(|code| code.parse::<u64>().ok())
                        .map_or(Status::Unknown, |code| Status::Known(u8::try_from(code & 0xff).unwrap_or(u8::MAX))),
                };
                if command == "exit" {
                    self.exit(status)
                } else {
                    self.leave(status)
                }
                status
            }
            "break" | "continue" => {
                self.jump(arguments, command == "continue");
                Status::YES
            }
            "set" => self.set(arguments),
            "shift" => self.shift(arguments),
            "export" | "local" | "readonly" | "declare" | "typeset" => {
                self.declare(command, arguments)?;
                Status::YES
            }
            "unset" => {
                let functions = arguments.iter().any(|name| name.text == "-f");
                for name in arguments.iter().filter(|name| !name.text.starts_with('-')) {
                    match (name.get(), &mut self.state) {
                        // What it stands for then is not looked for.
                        (Some(name), Some(state)) if functions => state.define(name, None),
                        (Some(name), _) => self.assign(name, Value::Unset)?,
                        (None, _) => self.forget(),
                    }
                }
                Status::YES
            }
            "read" => self.read_line(arguments)?,
            "getopts" => {
                for name in arguments.get(1).and_then(Field::get).into_iter().chain(["OPTARG", "OPTIND"]) {
                    self.assign(name, Value::Unknown)?;
                }
                Status::Unknown
            }
            "cd" | "chdir" => self.change_folder(arguments),
            "umask"
                if arguments.iter().any(|argument| !matches!(argument.get(), Some("022" | "0022" | "22" | "-S" | "u=rwx,g=rx,o=rx"))) =>
            {
                // dpkg has set 022, by which all that is made here is judged.
                let (command, why) = ("umask".to_owned(), "what is made after it has other permissions".to_owned());
                self.record(Effect::Other { command, why })?;
                Status::YES
            }
            "umask" | "ulimit" | "wait" | "hash" | "times" => {
                self.print_unknown();
                Status::YES
            }
            "eval" => self.evaluate(arguments)?,
            "trap" => self.trap(arguments)?,
            "." | "source" => self.source(arguments)?,
            "exec" if arguments.is_empty() => {
                self.print_unknown();
                self.forget_input();
                Status::YES
            }
            "exec" => {
                let status = self.run_command(arguments)?;
                self.exit(status);
                status
            }
            _ if OWN.contains(&command) => {
                // What follows may mean something else now.
                self.forget();
                self.print_unknown();
                if let Some(state) = self.here() {
                    state.folder = None;
                }
                let all: Vec<_> = [Field::known(command)].into_iter().chain(arguments.iter().cloned()).collect();
                self.not_understood(&all, "this command of the shell is not followed")?;
                Status::Unknown
            }
            _ => return Ok(None),
        };
        Ok(Some(status))
    }

    /// `read NAME…`
    fn read_line(&mut self, arguments: &[Field]) -> Result<Status, ScriptError> {
        let raw = arguments.first().and_then(Field::get) == Some("-r");
        let names = if raw { &arguments[1..] } else { arguments };
        let usual = matches!(self.variable("IFS"), Value::Known(separators) if &*separators == " \t\n");
        let line = self.input_line();
        if let (Some((line, ended)), [name], true) = (&line, names, usual)
            && let Some(name) = name.get().filter(|name| !name.starts_with('-'))
            && (raw || !line.contains('\\'))
        {
            let text = line.trim_matches([' ', '\t']);
            self.spend(1 + text.len() / 64)?;
            self.assign(name, Value::Known(text.into()))?;
            return Ok(Status::of(Some(*ended)));
        }
        for name in names.iter().filter(|name| !name.text.starts_with('-')) {
            match name.get() {
                Some(name) => self.assign(name, Value::Unknown)?,
                None => self.forget(),
            }
        }
        // A line that is joined with the next one may be the last.
        Ok(Status::Unknown)
    }

    /// All variables may have changed.
    fn forget(&mut self) {
        if let Some(state) = self.here() {
            state.forget_variables();
        }
    }

    fn set(&mut self, arguments: &[Field]) -> Status {
        let Some(state) = &mut self.state else { return Status::YES };
        let mut rest = arguments;
        while let Some((option, others)) = rest.split_first() {
            match option.get() {
                Some("--") => {
                    state.positional = positional(others);
                    return Status::YES;
                }
                Some(text) if text.starts_with(['-', '+']) && text.len() > 1 => {
                    let on = text.starts_with('-');
                    let named = others.first().and_then(Field::get).filter(|_| text.ends_with('o'));
                    if text.contains('e') || named == Some("errexit") {
                        state.stops = on;
                    }
                    if text.contains('u') || named == Some("nounset") {
                        state.strict = on;
                    }
                    rest = if text.ends_with('o') { others.get(1..).unwrap_or_default() } else { others };
                }
                _ => {
                    state.positional = positional(rest);
                    return Status::YES;
                }
            }
        }
        Status::YES
    }

    fn shift(&mut self, arguments: &[Field]) -> Status {
        let count = match arguments.first() {
            None => Some(1),
            Some(count) => count.get().and_then(|count| count.parse::<usize>().ok()),
        };
        let Some(state) = &mut self.state else { return Status::YES };
        let Some((count, values)) = count.zip(state.positional.clone()) else {
            state.positional = None;
            return Status::YES;
        };
        match values.get(count..) {
            Some(rest) => state.positional = Some(rest.into()),
            // dash ends the script there, bash goes on.
            None if self.bash => return Status::NO,
            None => self.exit(Status::Known(2)),
        }
        Status::YES
    }

    fn declare(&mut self, command: &str, arguments: &[Field]) -> Result<(), ScriptError> {
        for argument in arguments {
            let name = argument.text.split('=').next().unwrap_or_default().to_owned();
            if name.starts_with(['-', '+']) {
                continue;
            }
            if !argument.known && !argument.text.contains('=') {
                self.forget();
                continue;
            }
            if matches!(command, "local" | "declare" | "typeset") {
                self.keep_local(&name);
            }
            match argument.text.split_once('=') {
                Some((name, value)) if argument.known => self.assign(name, Value::Known(value.into()))?,
                Some((name, _)) => self.assign(name, Value::Unknown)?,
                // In bash a local variable without a value is not set; in dash it keeps what it had.
                None if command != "export" && command != "readonly" && self.bash => self.assign(&name, Value::Unset)?,
                None => {}
            }
        }
        Ok(())
    }

    fn change_folder(&mut self, arguments: &[Field]) -> Status {
        let folder = match arguments {
            [folder] => folder.get().filter(|folder| *folder != "-").and_then(|folder| self.path(folder)),
            _ => None,
        };
        let exists = folder.as_deref().and_then(|folder| self.exists(folder));
        if let (Some(state), true) = (self.here(), exists != Some(false)) {
            state.folder = folder.filter(|_| exists == Some(true)).map(Into::into);
        }
        Status::of(exists)
    }

    fn evaluate(&mut self, arguments: &[Field]) -> Result<Status, ScriptError> {
        if let Some(unknown) = arguments.iter().find(|argument| !argument.known) {
            let shown = unknown.clone();
            self.forget();
            self.print_unknown();
            self.not_understood(&[Field::known("eval"), shown], "the command to be run is not known")?;
            return Ok(Status::Unknown);
        }
        let text = arguments.iter().map(|argument| argument.text.as_str()).collect::<Vec<_>>().join(" ");
        self.inner(&text)
    }

    /// Follows a text as a part of the script.
    fn inner(&mut self, text: &str) -> Result<Status, ScriptError> {
        // Reading takes steps, too, and may be asked for again and again.
        self.spend(10 + text.len())?;
        let program = crate::debian::script::syntax::parse(text, self.line, self.bash)?;
        self.sourced += 1;
        let result = self.nested(|machine| machine.list(&program));
        self.sourced -= 1;
        result
    }

    /// What the end of the script or of a subshell brings about, which is looked at when all functions are known.
    fn trap(&mut self, arguments: &[Field]) -> Result<Status, ScriptError> {
        let action = arguments.iter().find(|argument| argument.text != "--");
        match action.map(|action| (action.get(), action)) {
            None | Some((Some("" | "-"), _)) => {}
            Some((None, action)) => {
                let shown = action.clone();
                self.not_understood(&[Field::known("trap"), shown], "the command to be run is not known")?;
            }
            Some((Some(action), _)) if arguments.len() > 1 => {
                if self.shells.len() > 1 {
                    // It comes at the end of the subshell, and not of the script.
                    self.touched = None;
                }
                let trap = (self.line, action.to_owned());
                if !self.traps.contains(&trap) {
                    self.spend(10 + self.traps.len())?;
                    self.traps.push(trap);
                }
            }
            Some(_) => {}
        }
        Ok(Status::YES)
    }

    /// Follows what traps do, at the end of a script of which nothing else is known there.
    pub(super) fn spring(&mut self) -> Result<(), ScriptError> {
        let mut set = 0;
        // One may set another.
        while let Some((line, action)) = self.traps.get(set).cloned() {
            set += 1;
            let mut state = super::State::new(std::collections::BTreeMap::new(), Vec::new()).uncertain();
            state.forget_variables();
            for (name, body) in &self.defined {
                state.define(name, body.clone());
            }
            self.state = Some(state);
            self.touched = None;
            self.line = line;
            self.forks += 1;
            self.shells.push(super::Frame::default());
            let result = self.quietly(|machine| machine.inner(&action));
            self.shells.pop();
            self.forks -= 1;
            result?;
        }
        self.state = None;
        Ok(())
    }

    fn source(&mut self, arguments: &[Field]) -> Result<Status, ScriptError> {
        let shown: Vec<_> = [Field::known(".")].into_iter().chain(arguments.iter().cloned()).collect();
        let Some(path) = arguments.first().and_then(Field::get).and_then(|path| self.path(path)) else {
            self.forget();
            self.not_understood(&shown, "the file to be read in is not known")?;
            return Ok(Status::Unknown);
        };
        let exists = self.exists(&path);
        if exists == Some(false) {
            // dash ends the script there.
            self.exit(Status::Known(2));
            return Ok(Status::Known(2));
        }
        if path == "/usr/share/debconf/confmodule" {
            self.debconf = true;
            self.record(Effect::Debconf { command: path })?;
            return Ok(Status::YES);
        }
        let text = self.file_text(&path)?;
        let Some(text) = text.filter(|_| self.sourced < MAX_SOURCED) else {
            self.forget();
            self.not_understood(&shown, "the content of the file is not known")?;
            return Ok(Status::Unknown);
        };
        self.called(|machine| machine.inner(&text))
    }

    /// Adds a change that is not understood.
    pub(in crate::debian::script) fn not_understood(&mut self, fields: &[Field], why: &str) -> Result<(), ScriptError> {
        self.forget_input();
        let mut command = String::new();
        for field in fields {
            if !command.is_empty() {
                command.push(' ');
            }
            command.extend(field.text.chars().flat_map(|character| {
                let plain = character == '…' || !(character.is_control() || character as u32 > 0x7e);
                let escaped = (!plain).then(|| character.escape_default());
                escaped.into_iter().flatten().chain(plain.then_some(character))
            }));
            if command.chars().count() > SHOWN {
                command = command.chars().take(SHOWN).chain(['…']).collect();
                break;
            }
        }
        self.record(Effect::Other { command, why: why.to_owned() })
    }
}
