//! AUTH, and the check of a password that HELLO shares.

use crate::config::User;

use super::refusal::Refusal;
use super::{Answer, Args, Context, Effect, ok};

/// Who is meant where no name is given, and who everybody is where the pool has no users.
pub(super) const DEFAULT: &[u8] = b"default";

/// AUTH [user] password.
pub(super) fn auth<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let users = &cx.pool.config.users;
    let (name, password) = match args.len() {
        2 if users.is_empty() => return Err(Refusal::NoPassword),
        2 => (DEFAULT, args.get(1)),
        3 => (args.get(1), args.get(2)),
        _ => return Err(Refusal::Syntax),
    };
    let user = check(users, name, password)?;
    ok(out);
    Ok(Effect::Authenticated(user))
}

/// The user, if this is the password. The time it takes tells neither which names exist nor where a
/// password differs: every user is compared.
pub(super) fn check<'a>(users: &[User], name: &[u8], password: &[u8]) -> Result<String, Refusal<'a>> {
    if users.is_empty() && name == DEFAULT {
        // Without users the default one has no password, and any will do.
        return Ok(String::from_utf8_lossy(DEFAULT).into_owned());
    }
    let found = users.iter().fold(None, |found, user| {
        let right = user.password.matches(password);
        if right & (user.name.as_bytes() == name) { Some(user) } else { found }
    });
    found.map(|user| user.name.clone()).ok_or(Refusal::WrongPassword)
}

#[cfg(test)]
mod tests {
    use crate::base::Secret;
    use crate::command::Local;
    use crate::config::User;

    use crate::engine::road::local::Effect;
    use crate::engine::road::local::fixture::Fixture;

    const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

    fn with_users() -> Fixture {
        let user = |name: &str, password: &str| User { name: name.into(), password: Secret::new(password) };
        Fixture::new(|config| config.users = vec![user("default", "pw"), user("app", "secret")])
    }

    #[test]
    fn the_right_password_makes_a_user() {
        let fixture = with_users();
        let is = |name: &str| Effect::Authenticated(name.into());
        fixture.check(Local::Auth, "AUTH pw", "+OK\r\n", is("default"));
        fixture.check(Local::Auth, "AUTH default pw", "+OK\r\n", is("default"));
        fixture.check(Local::Auth, "AUTH app secret", "+OK\r\n", is("app"));
    }

    #[test]
    fn a_wrong_password_or_name_is_refused_alike() {
        let fixture = with_users();
        for request in
            ["AUTH no", "AUTH secret", "AUTH app pw", "AUTH App secret", "AUTH nobody pw", "AUTH app"]
        {
            fixture.check(Local::Auth, request, WRONG, Effect::Refused("WRONGPASS"));
        }
        fixture.check(Local::Auth, "AUTH a b c", "-ERR syntax error\r\n", Effect::Refused("syntax"));
    }

    #[test]
    fn without_users_there_is_the_default_one_with_any_password() {
        let fixture = Fixture::new(|_| {});
        fixture.check(Local::Auth, "AUTH default x", "+OK\r\n", Effect::Authenticated("default".into()));
        fixture.check(Local::Auth, "AUTH app x", WRONG, Effect::Refused("WRONGPASS"));
        let text = "-ERR AUTH <password> called without any password configured for the default user. Are you sure \
                    your configuration is correct?\r\n";
        fixture.check(Local::Auth, "AUTH x", text, Effect::Refused("no_password"));
    }
}
