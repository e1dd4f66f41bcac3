//! YAML text → a tree in which every node knows its bytes.
//!
//! A deserializer that stops at the first wrong type could not report all mistakes of a profile at once, so the parser's events
//! become a plain tree first, and what the keys mean is checked on that. YAML 1.2 core schema; one document; no directives; aliases
//! share their node and count in full against [`MAX_NODES`], so that ten lines cannot stand for a billion.

use std::{
    collections::{BTreeMap, HashMap, btree_map},
    rc::Rc,
};

use granit_parser::{Event, Parser, ScalarStyle, Span as ScanSpan, Tag as ScanTag};

use super::{
    mask::{self, is_secret_key, is_secret_value, shown},
    problem::{Code, Span},
    report::{Draft, Problems},
};

/// Deepest nesting; a profile needs five levels.
const MAX_DEPTH: usize = 24;

/// Nodes with every alias counted as what it stands for; a profile of 1000 nodes written out needs some 7000.
const MAX_NODES: usize = 100_000;

/// One node of the tree.
#[derive(Debug)]
pub(super) struct Node {
    /// The value's bytes, tag included; of a mapping its first key, of a list its first item.
    pub(super) span: Span,
    /// What it is.
    pub(super) value: Value,
    /// Nodes in it, itself included, aliases expanded.
    weight: usize,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Value {
    /// Text, number, boolean or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping, without its duplicate keys.
    Map(Vec<Entry>),
    /// Something that was already reported.
    Broken,
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    /// The key's text.
    pub(super) key: String,
    /// The key's bytes.
    pub(super) span: Span,
    /// What it is set to.
    pub(super) value: Rc<Node>,
}

/// A value that is neither list nor mapping.
#[derive(Debug)]
pub(super) struct Scalar {
    /// Its text, escapes resolved.
    pub(super) text: String,
    /// Whether it stands without quotes and so may be a number, a boolean or nothing.
    pub(super) plain: bool,
    /// `!env` or `!file`.
    pub(super) tag: Option<Tag>,
}

/// A tag of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// `!env NAME`.
    Env,
    /// `!file PATH`.
    File,
}

/// What a scalar is by YAML's core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number,
    /// Everything else, and whatever stands in quotes.
    Text,
}

impl Scalar {
    /// What the scalar is.
    pub(super) fn kind(&self) -> Kind {
        if !self.plain || self.tag.is_some() {
            return Kind::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
            "true" | "True" | "TRUE" => Kind::Boolean(true),
            "false" | "False" | "FALSE" => Kind::Boolean(false),
            text if is_number(text) => Kind::Number,
            _ => Kind::Text,
        }
    }
}

/// Numbers of the core schema: decimal, `0x`, `0o`, with fraction or exponent, infinite or none.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let starts = unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|c: char| c.is_ascii_digit());
    starts && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) && unsigned.parse::<f64>().is_ok()
}

impl Node {
    /// For messages: what stands here.
    pub(super) fn describe(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Broken => "nothing that could be read",
            Value::Scalar(Scalar { tag: Some(Tag::Env), .. }) => "a reference `!env`",
            Value::Scalar(Scalar { tag: Some(Tag::File), .. }) => "a reference `!file`",
            Value::Scalar(scalar) => match scalar.kind() {
                Kind::Null => "nothing",
                Kind::Boolean(true) => "`true`",
                Kind::Boolean(false) => "`false`",
                Kind::Number => "a number",
                Kind::Text => "a text",
            },
        }
    }

    /// Whether there is no value.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.kind() == Kind::Null)
    }
}

/// A list or mapping whose end has not come yet.
struct Open {
    span: Span,
    anchor: usize,
    broken: bool,
    inner: Inner,
}

enum Inner {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<Entry>, seen: BTreeMap<String, Span>, key: Option<(String, Span, bool)> },
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    weight: usize,
    root: Option<Rc<Node>>,
    problems: &'a mut Problems,
}

/// Reads the one document of a text. `None`: nothing could be made of it, and the problem is reported.
pub(super) fn parse(text: &str, problems: &mut Problems) -> Option<Rc<Node>> {
    let options = granit_parser::options! { emit_unresolved_aliases: true, disallow_directives: true };
    let mut builder = Builder { text, open: Vec::new(), anchors: HashMap::new(), weight: 0, root: None, problems };
    let mut done = 0;
    let mut documents = 0_usize;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, scanned) = match event {
            Ok(event) => event,
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(done).min(text.len());
                builder.broken_grammar(done, at, &error.info());
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let span = builder.span(&scanned);
                builder.problems.hide(Span { start: span.start, end: text.len() });
                builder.problems.add(
                    Draft::new(Code::Syntax, span, "a second document begins here")
                        .hint("a profile is one document: remove the line `---`"),
                );
                return None;
            }
        }
        if let Some(range) = scanned.byte_range() {
            done = done.max(range.end.min(text.len()));
        }
        builder.event(event, &scanned)?;
    }
    let root = builder.root.take().filter(|root| !root.is_null());
    if root.is_none() {
        let hint = "the smallest profile says `base`, `network` with `subnet`, and `nodes`";
        builder.problems.add(Draft::new(Code::Empty, Span::default(), "the profile is empty").hint(hint));
    }
    root
}

impl Builder<'_> {
    fn span(&self, scanned: &ScanSpan) -> Span {
        let range = scanned.byte_range().unwrap_or_default();
        let end = range.end.min(self.text.len());
        Span { start: range.start.min(end), end }
    }

    /// One event; `None` ends the reading.
    fn event(&mut self, event: Event<'_>, scanned: &ScanSpan) -> Option<()> {
        let span = self.span(scanned);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let whole = scanned.tag_start().and_then(|mark| mark.byte_offset()).map_or(span.start, |start| start.min(span.start));
                let span = trim(self.text, Span { start: whole, end: span.end });
                let scalar = self.scalar(text.into_owned(), style, tag.as_deref(), span);
                let node = self.node(span, scalar, 1)?;
                self.finish(anchor, node)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(span, anchor, tag.as_deref(), scanned, Inner::List(Vec::new())),
            Event::MappingStart(_, anchor, tag) => {
                let inner = Inner::Map { entries: Vec::new(), seen: BTreeMap::new(), key: None };
                self.begin(span, anchor, tag.as_deref(), scanned, inner)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(id) => match self.anchors.get(&id).cloned() {
                Some(node) => {
                    self.count(node.weight, span)?;
                    self.attach(node)
                }
                None => self.broken_alias(span, "an alias stands inside what it names"),
            },
            Event::UnresolvedAlias(_) => self.broken_alias(span, "`*` begins an alias, and nothing above is named `&` so"),
            _ => Some(()),
        }
    }

    fn broken_alias(&mut self, span: Span, message: &str) -> Option<()> {
        self.problems
            .add(Draft::new(Code::Syntax, span, message).hint("put the value in quotes if its first character is meant to be `*`"));
        let node = self.node(span, Value::Broken, 1)?;
        self.attach(node)
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&ScanTag>, span: Span) -> Value {
        if is_secret_value(&text) {
            self.problems.hide(span);
        }
        let (plain, tag) = match tag.map(ScanTag::original) {
            None => (style == ScalarStyle::Plain, None),
            Some(tag) => match tag.as_str() {
                "!" | "!!str" => (false, None),
                "!env" => (false, Some(Tag::Env)),
                "!file" => (false, Some(Tag::File)),
                _ => {
                    self.unknown_tag(span);
                    return Value::Broken;
                }
            },
        };
        Value::Scalar(Scalar { text, plain, tag })
    }

    /// The tag itself is not repeated: an unquoted password may begin with `!`.
    fn unknown_tag(&mut self, span: Span) {
        let draft = Draft::new(Code::Tag, span, "`!` begins a tag, and a profile knows only `!env NAME` and `!file PATH`");
        self.problems.add(draft.hint("put the value in quotes if its first character is meant to be `!`"));
    }

    fn node(&mut self, span: Span, value: Value, weight: usize) -> Option<Rc<Node>> {
        self.count(1, span)?;
        Some(Rc::new(Node { span, value, weight }))
    }

    fn count(&mut self, weight: usize, span: Span) -> Option<()> {
        self.weight = self.weight.saturating_add(weight);
        if self.weight <= MAX_NODES {
            return Some(());
        }
        let message = format!("the profile has more than {MAX_NODES} values, aliases counted as what they stand for");
        self.problems.add(Draft::new(Code::TooComplex, span, message));
        None
    }

    fn begin(&mut self, span: Span, anchor: usize, tag: Option<&ScanTag>, scanned: &ScanSpan, inner: Inner) -> Option<()> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("lists and mappings are nested more than {MAX_DEPTH} deep");
            self.problems.add(Draft::new(Code::TooComplex, span, message));
            return None;
        }
        let broken = tag.is_some_and(|tag| !matches!(tag.original().as_str(), "!" | "!!map" | "!!seq"));
        if broken {
            let at = scanned.tag_span().map_or(span, |tag| self.span(&tag));
            self.problems.hide(at);
            self.unknown_tag(at);
        }
        self.open.push(Open { span, anchor, broken, inner });
        Some(())
    }

    fn end(&mut self) -> Option<()> {
        let Some(open) = self.open.pop() else { return Some(()) };
        let (first, weight, value) = match open.inner {
            Inner::List(items) => {
                let weight = items.iter().map(|item| item.weight).fold(1, usize::saturating_add);
                (items.first().map(|item| item.span), weight, Value::List(items))
            }
            Inner::Map { entries, .. } => {
                let weight = entries.iter().map(|entry| entry.value.weight).fold(1, usize::saturating_add);
                (entries.first().map(|entry| entry.span), weight, Value::Map(entries))
            }
        };
        let value = if open.broken { Value::Broken } else { value };
        let node = self.node(first.unwrap_or(open.span), value, weight)?;
        self.finish(open.anchor, node)
    }

    fn finish(&mut self, anchor: usize, node: Rc<Node>) -> Option<()> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node)
    }

    /// Hangs a finished node where it belongs.
    fn attach(&mut self, node: Rc<Node>) -> Option<()> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Some(());
        };
        match &mut open.inner {
            Inner::List(items) => items.push(node),
            Inner::Map { entries, seen, key } => match key.take() {
                None => {
                    let text = match &node.value {
                        Value::Scalar(Scalar { text, tag: None, .. }) => Some(text.clone()),
                        Value::Broken => None,
                        _ => {
                            self.problems.add(Draft::new(Code::WrongType, node.span, "a key is a plain word").hint("write `key: value`"));
                            None
                        }
                    };
                    *key = Some((text.clone().unwrap_or_default(), node.span, text.is_some()));
                }
                Some((key, span, good)) => {
                    if is_secret_key(&key) || !good {
                        hide(&node, self.problems);
                    }
                    if !good {
                        return Some(());
                    }
                    match seen.entry(key.clone()) {
                        btree_map::Entry::Occupied(first) => {
                            let draft = Draft::new(Code::DuplicateKey, span, format!("the key {} stands twice", shown(&key)));
                            self.problems.add(draft.also(*first.get(), "first here").hint("keep one of the two"));
                        }
                        btree_map::Entry::Vacant(place) => {
                            place.insert(span);
                            entries.push(Entry { key, span, value: node });
                        }
                    }
                }
            },
        }
        Some(())
    }

    /// The parser gave up at byte `at`, after `done` bytes made sense.
    fn broken_grammar(&mut self, done: usize, at: usize, message: &str) {
        // Whether a key that waits for its value, in whatever collection it happened, is a secret's.
        let in_secret = self.open.iter().any(|open| matches!(&open.inner, Inner::Map { key: Some((key, ..)), .. } if is_secret_key(key)));
        // The scanner reads ahead of its events, so the error may lie before the end of the last one.
        if let Some(span) = mask::rest(self.text, done.min(at), in_secret) {
            self.problems.hide(span);
        }
        let length = self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let draft = Draft::new(Code::Syntax, Span { start: at, end: at + length }, format!("this is not YAML: {message}"));
        self.problems.add(draft.hint("what follows could not be read; other mistakes show up once this one is gone"));
    }
}

/// Hides every value in a node except references, whose names are no secret.
fn hide(node: &Node, problems: &mut Problems) {
    // Depth is at most MAX_DEPTH, and the number of nodes visited at most MAX_NODES.
    match &node.value {
        Value::Scalar(Scalar { tag: None, .. }) | Value::Broken => problems.hide(node.span),
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| hide(item, problems)),
        Value::Map(entries) => entries.iter().for_each(|entry| hide(&entry.value, problems)),
    }
}

/// A span without the blanks at its end.
fn trim(text: &str, span: Span) -> Span {
    let kept = text.get(span.start..span.end).map_or(0, |part| part.trim_end().len());
    Span { start: span.start, end: span.start + kept }
}
