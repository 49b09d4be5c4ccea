//! Passwords: towards nodes and Sentinels, and of the users that may connect.

use super::Check;
use crate::base::Secret;
use crate::config::read::Fields;
use crate::config::{Code, Diagnostic, NodeAuth, User};

/// Keys of a password by value and by file.
struct Keys {
    value: &'static str,
    file: &'static str,
}

const PASSWORD: Keys = Keys { value: "password", file: "password_file" };
const SENTINEL: Keys = Keys { value: "sentinel_password", file: "sentinel_password_file" };

impl Check<'_> {
    pub(super) fn node_auth(&mut self, fields: &Fields, by_sentinel: bool) -> NodeAuth {
        let auth = NodeAuth {
            username: fields.text("username"),
            password: self.secret(fields, &PASSWORD),
            sentinel_username: fields.text("sentinel_username"),
            sentinel_password: self.secret(fields, &SENTINEL),
        };
        self.user_needs_password(fields, "username", &PASSWORD);
        self.user_needs_password(fields, "sentinel_username", &SENTINEL);
        let keys = ["sentinel_username", SENTINEL.value, SENTINEL.file];
        if let Some(place) = keys.iter().find_map(|key| fields.place_of(key)).filter(|_| !by_sentinel) {
            self.tell(
                Diagnostic::error(
                    Code::Contradiction,
                    "there is a password for Sentinels, but there are no Sentinels",
                )
                .place(place)
                .help("leave it out, or write sentinels = [\"HOST:26379\", …]"),
            );
        }
        auth
    }

    fn user_needs_password(&mut self, fields: &Fields, user: &str, keys: &Keys) {
        let Some(place) = fields.place_of(user) else { return };
        if !fields.mentions(keys.value) && !fields.mentions(keys.file) {
            self.tell(
                Diagnostic::error(Code::Missing, format!("'{user}' is given without a password"))
                    .place(place)
                    .help(format!("write {} or {} beside it", keys.file, keys.value)),
            );
        }
    }

    pub(super) fn users(&mut self, fields: &Fields) -> Vec<User> {
        let tables = fields.tables("user").unwrap_or_default();
        let mut users: Vec<User> = Vec::new();
        for table in &tables {
            let secret = self.secret(table, &PASSWORD);
            let told = |keys: &[&str]| keys.iter().any(|key| table.mentions(key));
            let mut missing = |what: &str, help: &str| {
                self.tell(
                    Diagnostic::error(Code::Missing, format!("a user needs a {what}"))
                        .place(&table.place)
                        .help(help),
                );
            };
            if !told(&["name"]) {
                missing("name", "write name = \"default\" for clients that give a password alone");
            }
            if !told(&[PASSWORD.value, PASSWORD.file]) {
                missing("password", "write password_file = \"…\" or password = \"${VARIABLE}\"");
            }
            let Some(name) = table.text("name") else { continue };
            if users.iter().any(|user| user.name == name) {
                self.tell(
                    Diagnostic::error(Code::DuplicateUser, format!("two users are called '{name}'"))
                        .place(table.place_of("name").unwrap_or(&table.place))
                        .help("give each user a name of its own"),
                );
            }
            users.push(User { name, password: secret.unwrap_or_default() });
        }
        users
    }

    /// A password by value or from its file; `None` if there is none, or it cannot be read.
    fn secret(&mut self, fields: &Fields, keys: &Keys) -> Option<Secret> {
        let (value, file) = (fields.text(keys.value), fields.text(keys.file));
        if fields.mentions(keys.value) && fields.mentions(keys.file) {
            self.tell(
                Diagnostic::error(
                    Code::TwoSecrets,
                    format!("both '{}' and '{}' are given", keys.value, keys.file),
                )
                .place(fields.place_of(keys.file).unwrap_or(&fields.place))
                .help("keep one of them"),
            );
            return None;
        }
        if let Some(value) = value {
            return self.secret_by_value(fields, keys.value, value);
        }
        self.secret_by_file(fields, keys.file, &file?)
    }

    fn secret_by_value(&mut self, fields: &Fields, key: &str, value: String) -> Option<Secret> {
        let place = fields.place_of(key).cloned().unwrap_or_default();
        if value.is_empty() {
            self.tell(
                Diagnostic::error(Code::Empty, format!("'{key}' is empty"))
                    .place(&place)
                    .help("give it a value, or leave the key out"),
            );
            return None;
        }
        let from_variable = |span: &core::ops::Range<usize>| {
            self.source.text.get(span.clone()).is_some_and(|text| text.contains("${"))
        };
        if let Some(span) = place.span.filter(|span| !from_variable(span)) {
            self.secrets_by_value.push(span);
        }
        Some(Secret::new(value))
    }

    fn secret_by_file(&mut self, fields: &Fields, key: &str, path: &str) -> Option<Secret> {
        let problem = match (self.context.read_file)(path) {
            // Editors and `echo` end a file with a line break that is no part of the password.
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => "it is empty".to_owned(),
                secret => {
                    let span = fields.place_of(key).and_then(|place| place.span.clone());
                    self.secret_files.push((path.to_owned(), span));
                    return Some(Secret::new(secret));
                }
            },
            Err(problem) => problem,
        };
        self.tell(
            Diagnostic::error(Code::UnreadableSecret, format!("'{key}' cannot be used: {problem}"))
                .place(fields.place_of(key).unwrap_or(&fields.place))
                .help("the file holds the password and nothing else, and Ketch's user may read it"),
        );
        None
    }
}
