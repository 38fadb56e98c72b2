//! What can be done with one session.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::sql::{
    Create, Delete, Find, Rename, Rotate, Save, SessionReader, Touch, TouchCapped, Update,
};
use super::{NewSession, Session, SessionStore};
use crate::auth::clock;
use crate::auth::error::AuthError;
use crate::auth::json;
use crate::auth::secret::{SessionId, random_base64url};
use crate::auth::statement::{Bind, all, execute, first, moment, storable, stored};
use crate::connection::DatabaseConnection;
use crate::engine::Engine;
use crate::values::Values;

/// 192 bits; OWASP's Session Management Cheat Sheet asks for 64 at least, and 128 is common.
const ID_BYTES: usize = 24;

const ID: &str = "the session's id";
const USER: &str = "the user id";
const END: &str = "the end of the session";

fn new_id() -> Result<SessionId, AuthError> {
    random_base64url::<ID_BYTES>().map(SessionId::from)
}

/// A new session, and what the database is told of it.
struct Prepared<DB: Engine, T> {
    session: Session<T>,
    created: DB::Time,
    expires: DB::Time,
    data: Option<String>,
}

#[any_database]
impl<T: Serialize + DeserializeOwned> SessionStore<T> {
    /// Makes a session with a new random id.
    ///
    /// # Errors
    ///
    /// The database's, data that has no form in JSON, a user id with NUL on PostgreSQL, an
    /// end beyond what the database can hold.
    pub fn create<C>(&self, conn: &mut C, new: NewSession<T>) -> Result<Session<T>, AuthError>
    where
        C: DatabaseConnection,
    {
        let new = self.prepare::<C::Backend>(new, self.clock.now())?;
        let values = [
            Bind::from(new.session.id.expose()),
            Bind::from(&new.session.user_id),
            Bind::time(new.created),
            Bind::time(new.expires),
            Bind::Text(new.data.as_deref()),
        ];
        execute(conn, Create, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(new.session)
    }

    /// The session with this id, if it is live.
    ///
    /// # Errors
    ///
    /// The database's, and a row that cannot be read.
    pub fn find<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        self.find_at(conn, id.as_ref(), self.clock.now())
    }

    fn find_at<C>(
        &self,
        conn: &mut C,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let reader = SessionReader::new(Some(id));
        let found = first(conn, Find, [Bind::key(id), moment(now)], reader)
            .map_err(AuthError::of::<C::Backend>)?
            .transpose()?;
        Ok(found.filter(|session| self.is_young(session.created_at, now)))
    }

    /// [`find`](Self::find) and [`touch`](Self::touch) in one call, for the start of every
    /// request: a second statement is sent at most once per refresh window.
    ///
    /// # Errors
    ///
    /// Those of both.
    pub fn find_and_touch<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let Some(mut session) = self.find_at(conn, id.as_ref(), now)? else {
            return Ok(None);
        };
        let mut end = clock::after(now, self.lifetime, END)?;
        let mut due = session.expires_at < clock::before(end, self.refresh_window);
        let cap = self.max_age;
        // A cap beyond the end of time is none.
        if let Some(last) = cap.and_then(|age| clock::after(session.created_at, age, END).ok()) {
            end = end.min(last);
            due = due && session.expires_at < end;
        }
        if due && self.touch_at(conn, id.as_ref(), now)? {
            (_, session.expires_at) = stored::<C::Backend>(end, END)?;
        }
        Ok(Some(session))
    }

    /// Writes a session: a new one as it is, one that is there with its user, end and data
    /// only, so that it keeps the time at which it was made.
    ///
    /// It brings back a session that was deleted meanwhile. Use [`update`](Self::update) to
    /// write what a request changed.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn save<C>(&self, conn: &mut C, session: &Session<T>) -> Result<(), AuthError>
    where
        C: DatabaseConnection,
    {
        let id = session.id.expose();
        storable::<C::Backend>(&[(id, ID), (&session.user_id, USER)])?;
        let (created, _) = stored::<C::Backend>(session.created_at, "the start of the session")?;
        let (expires, _) = stored::<C::Backend>(session.expires_at, END)?;
        let data = session.data.as_ref().map(json::write).transpose()?;
        let values = [
            Bind::from(id),
            Bind::from(&session.user_id),
            Bind::time(created),
            Bind::time(expires),
            Bind::Text(data.as_deref()),
        ];
        execute(conn, Save, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(())
    }

    /// Writes user, end and data of a session, and says whether it was still live: one that
    /// was deleted or has ended stays so.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn update<C>(&self, conn: &mut C, session: &Session<T>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let id = session.id.expose();
        storable::<C::Backend>(&[(id, ID), (&session.user_id, USER)])?;
        let (expires, _) = stored::<C::Backend>(session.expires_at, END)?;
        let data = session.data.as_ref().map(json::write).transpose()?;
        let values = [
            Bind::from(&session.user_id),
            Bind::time(expires),
            Bind::Text(data.as_deref()),
            Bind::from(id),
            moment(self.clock.now()),
        ];
        let written = execute(conn, Update, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(written > 0)
    }

    /// Extends a live session to its full lifetime, counted from now, and says whether it did:
    /// not when the session is not live, nor when it was extended within the refresh window.
    ///
    /// # Errors
    ///
    /// The database's, and an end beyond what it can hold.
    pub fn touch<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        self.touch_at(conn, id.as_ref(), self.clock.now())
    }

    fn touch_at<C>(&self, conn: &mut C, id: &str, now: DateTime<Utc>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let end = clock::after(now, self.lifetime, END)?;
        let (new_end, _) = stored::<C::Backend>(end, END)?;
        let due = moment(clock::before(end, self.refresh_window));
        let cap = self.max_age;
        let cap = cap.filter(|&age| clock::after(now, age, END).is_ok());
        let written = match cap {
            None => {
                let values = [Bind::time(new_end), Bind::key(id), moment(now), due];
                execute(conn, Touch, values)
            }
            Some(age) => {
                let age = C::Backend::ticks(age);
                let values = [
                    Bind::Number(age),
                    Bind::time(new_end),
                    Bind::Number(age),
                    Bind::time(new_end),
                    Bind::key(id),
                    moment(now),
                    due,
                    Bind::Number(age),
                    moment(self.oldest(now)),
                ];
                execute(conn, TouchCapped, values)
            }
        };
        Ok(written.map_err(AuthError::of::<C::Backend>)? > 0)
    }

    /// Puts a new session, with a new id, in the place of a live one, at the moment when
    /// somebody signs in or gains rights: an id that was planted or leaked before is worth
    /// nothing after. `None` when the old one is not live; then nothing was made.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn rotate<C>(
        &self,
        conn: &mut C,
        old: impl AsRef<str>,
        new: NewSession<T>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let new = self.prepare::<C::Backend>(new, now)?;
        let values = [
            Bind::from(new.session.id.expose()),
            Bind::from(&new.session.user_id),
            Bind::time(new.created),
            Bind::time(new.expires),
            Bind::Text(new.data.as_deref()),
            Bind::key(old.as_ref()),
            moment(now),
            moment(self.oldest(now)),
        ];
        let written = execute(conn, Rotate, values).map_err(AuthError::of::<C::Backend>)?;
        Ok((written > 0).then_some(new.session))
    }

    /// Gives a live session a new id and changes nothing else. `None` when it is not live.
    ///
    /// # Errors
    ///
    /// The database's, and a row that cannot be read; its id is new all the same.
    pub fn rename<C>(
        &self,
        conn: &mut C,
        old: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let id = new_id()?;
        let now = self.clock.now();
        let values = [
            Bind::from(id.expose()),
            Bind::key(old.as_ref()),
            moment(now),
            moment(self.oldest(now)),
        ];
        all(conn, Rename, values, SessionReader::new(Some(id.expose())))
            .map_err(AuthError::of::<C::Backend>)?
            .pop()
            .transpose()
            .map_err(AuthError::from)
    }

    fn prepare<DB: Engine>(
        &self,
        new: NewSession<T>,
        now: DateTime<Utc>,
    ) -> Result<Prepared<DB, T>, AuthError> {
        storable::<DB>(&[(&new.user_id, USER)])?;
        let data = new.data.as_ref().map(json::write).transpose()?;
        let (created, created_at) = stored::<DB>(now, "the start of the session")?;
        let (expires, expires_at) = stored::<DB>(self.end(now, new.lifetime)?, END)?;
        Ok(Prepared {
            session: Session {
                id: new_id()?,
                user_id: new.user_id,
                created_at,
                expires_at,
                data: new.data,
            },
            created,
            expires,
            data,
        })
    }
}

#[any_database]
impl<T> SessionStore<T> {
    /// Ends a session: log-out. Says whether it was there.
    ///
    /// # Errors
    ///
    /// The database's; then the user is still signed in.
    pub fn delete<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let deleted = execute(conn, Delete, [Bind::key(id.as_ref())]);
        Ok(deleted.map_err(AuthError::of::<C::Backend>)? > 0)
    }
}

impl<T> SessionStore<T> {
    /// When a session made at `now` ends.
    fn end(
        &self,
        now: DateTime<Utc>,
        lifetime: Option<Duration>,
    ) -> Result<DateTime<Utc>, AuthError> {
        let lifetime = lifetime.unwrap_or(self.lifetime);
        let lifetime = self.max_age.map_or(lifetime, |age| age.min(lifetime));
        clock::after(now, lifetime, END)
    }

    /// Sessions made at this time or before are too old.
    fn oldest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.max_age {
            Some(age) => clock::before(now, age),
            None => DateTime::<Utc>::MIN_UTC,
        }
    }

    pub(super) fn is_young(&self, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.max_age
            .is_none_or(|age| created_at > clock::before(now, age))
    }
}
