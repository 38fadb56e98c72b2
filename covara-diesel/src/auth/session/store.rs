//! What can be done with one session.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ids::{SessionIds, Stored};
use super::sql::{
    Create, Delete, Find, FindEither, Hash, Rename, Rotate, Save, SaveCapped, SessionReader,
    Update, UpdateCapped,
};
use super::{NewSession, Session, SessionStore};
use crate::auth::clock;
use crate::auth::error::AuthError;
use crate::auth::json;
use crate::auth::secret::{SessionId, random_base64url};
use crate::auth::statement::{Bind, all, execute, first, moment, storable, stored};
use crate::backend::connection::DatabaseConnection;
use crate::backend::engine::Engine;
use crate::backend::values::Values;

/// 192 bits; OWASP's Session Management Cheat Sheet asks for 64 at least, and 128 is common.
const ID_BYTES: usize = 24;

const ID: &str = "the session's id";
const USER: &str = "the user id";
pub(super) const END: &str = "the end of the session";

fn new_id() -> Result<SessionId, AuthError> {
    random_base64url::<ID_BYTES>().map(SessionId::from)
}

/// A new session, and what the database is told of it.
struct Prepared<DB: Engine, T> {
    session: Session<T>,
    stored: String,
    created: DB::Time,
    expires: DB::Time,
    data: Option<String>,
}

/// A session that was found.
pub(super) struct Found<T> {
    pub(super) session: Session<T>,
    /// Whether its id stands in the table as it is written today.
    pub(super) is_settled: bool,
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
            Bind::from(&new.stored),
            Bind::from(&new.session.user_id),
            Bind::time(new.created),
            Bind::time(new.expires),
            Bind::text(new.data.as_deref()),
        ];
        execute(conn, Create, values).map_err(AuthError::of::<C::Backend>)?;
        Ok(new.session)
    }

    /// Returns the session that this cookie signs in to, if it is live.
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
        let Some(stored) = self.ids.of_cookie(id.as_ref()) else {
            return Ok(None);
        };
        let found = self.find_at(conn, &stored, self.clock.now())?;
        Ok(found.map(|found| found.session))
    }

    pub(super) fn find_at<C>(
        &self,
        conn: &mut C,
        id: &Stored<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Found<T>>, AuthError>
    where
        C: DatabaseConnection,
    {
        let reader = SessionReader(Some(id));
        let found = if self.ids == SessionIds::Migrating {
            let values = [Bind::key(&id.id), Bind::key(id.plain), moment(now)];
            let rows = all(conn, FindEither, values, reader);
            rows.map(|rows| rows.into_iter().max_by_key(|(is_settled, _)| *is_settled))
        } else {
            first(conn, Find, [Bind::key(&id.id), moment(now)], reader)
        };
        let Some((is_settled, session)) = found.map_err(AuthError::of::<C::Backend>)? else {
            return Ok(None);
        };
        let found = Found {
            session: session?,
            is_settled,
        };
        Ok(self
            .is_young(found.session.created_at, now)
            .then_some(found))
    }

    /// Writes a session: a new one as it is, one that is there with its user and data, and
    /// with its end if that is later than the stored one, which another request may have
    /// extended meanwhile. It keeps the time at which it was made.
    ///
    /// It brings back a session that was deleted meanwhile, but none that has ended: that one
    /// keeps its end. None ends later than [`max_age`](Self::max_age) allows. Use
    /// [`update`](Self::update) to write what a request changed.
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn save<C>(&self, conn: &mut C, session: &Session<T>) -> Result<(), AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let id = self.ids.named(session.id.expose());
        storable::<C::Backend>(&[(id.plain, ID), (&session.user_id, USER)])?;
        let (mut created_at, mut expires_at) = (session.created_at, session.expires_at);
        if let Some(age) = self.max_age {
            // One that began in the future would outlive it.
            created_at = created_at.min(now);
            expires_at =
                clock::after(created_at, age, END).map_or(expires_at, |last| expires_at.min(last));
        }
        let (created, _) = stored::<C::Backend>(created_at, "the start of the session")?;
        let (expires, _) = stored::<C::Backend>(expires_at, END)?;
        let data = session.data.as_ref().map(json::write).transpose()?;
        self.settle(conn, &id, now)?;
        let [id, user, created, expires, data] = [
            Bind::from(&*id.id),
            Bind::from(&session.user_id),
            Bind::time(created),
            Bind::time(expires),
            Bind::text(data.as_deref()),
        ];
        let saved = match self.cap(now) {
            None => execute(conn, Save, [id, user, created, expires, data, moment(now)]),
            Some(age) => {
                let (now, oldest) = (moment(now), moment(self.oldest(now)));
                let age = Bind::Number(C::Backend::ticks(age));
                let values = [id, user, created, expires, data, now, oldest, age];
                execute(conn, SaveCapped, values)
            }
        };
        saved.map_err(AuthError::of::<C::Backend>)?;
        Ok(())
    }

    /// Writes user and data of a session, and its end if that is later than the stored one,
    /// and returns whether it was still live: one that was deleted or has ended stays so.
    ///
    /// A request that took long never takes back what another extended meanwhile, and no
    /// session ends later than [`max_age`](Self::max_age) allows. To make a session end
    /// earlier, [`rotate`](Self::rotate) it into one with a shorter
    /// [`lifetime`](NewSession::lifetime).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn update<C>(&self, conn: &mut C, session: &Session<T>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let now = self.clock.now();
        let id = self.ids.named(session.id.expose());
        storable::<C::Backend>(&[(id.plain, ID), (&session.user_id, USER)])?;
        let (expires, _) = stored::<C::Backend>(session.expires_at, END)?;
        let data = session.data.as_ref().map(json::write).transpose()?;
        self.settle(conn, &id, now)?;
        let [user, data, expires, id] = [
            Bind::from(&session.user_id),
            Bind::text(data.as_deref()),
            Bind::time(expires),
            Bind::from(&*id.id),
        ];
        let written = match self.cap(now) {
            None => execute(conn, Update, [user, data, expires, id, moment(now)]),
            Some(age) => {
                let (now, oldest) = (moment(now), moment(self.oldest(now)));
                let age = Bind::Number(C::Backend::ticks(age));
                execute(
                    conn,
                    UpdateCapped,
                    [user, data, expires, age, id, now, oldest],
                )
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
        let Some(old) = self.ids.of_cookie(old.as_ref()) else {
            return Ok(None);
        };
        self.settle(conn, &old, now)?;
        let values = [
            Bind::from(&new.stored),
            Bind::from(&new.session.user_id),
            Bind::time(new.created),
            Bind::time(new.expires),
            Bind::text(new.data.as_deref()),
            Bind::key(&old.id),
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
        let new = new_id()?;
        let now = self.clock.now();
        let Some(old) = self.ids.of_cookie(old.as_ref()) else {
            return Ok(None);
        };
        self.settle(conn, &old, now)?;
        let new = self.ids.named(new.expose());
        let values = [
            Bind::from(&*new.id),
            Bind::key(&old.id),
            moment(now),
            moment(self.oldest(now)),
        ];
        all(conn, Rename, values, SessionReader(Some(&new)))
            .map_err(AuthError::of::<C::Backend>)?
            .pop()
            .map(|(_, session)| session)
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
        let id = new_id()?;
        Ok(Prepared {
            stored: self.ids.named(id.expose()).id.into_owned(),
            session: Session {
                id,
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
    /// Ends a session, which its cookie or a handle names: log-out. Returns whether it was
    /// there.
    ///
    /// Check first whose it is, when a handle comes from a form.
    ///
    /// # Errors
    ///
    /// The database's; then the user is still signed in.
    pub fn delete<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: DatabaseConnection,
    {
        let id = self.ids.named(id.as_ref());
        // Under its own text stands what was never hashed.
        let deleted = execute(conn, Delete, [Bind::key(&id.id), Bind::key(id.plain)]);
        Ok(deleted.map_err(AuthError::of::<C::Backend>)? > 0)
    }
}

impl<T> SessionStore<T> {
    /// Returns the id that a listing gives for the session with this cookie: "this device" in
    /// a list of [`list_for_user`](Self::list_for_user).
    #[must_use]
    pub fn handle(&self, id: impl AsRef<str>) -> SessionId {
        self.ids.handle(id.as_ref())
    }

    /// Hashes the id of a live session that is still plain, where that is to happen.
    pub(super) fn settle<C>(
        &self,
        conn: &mut C,
        id: &Stored<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError>
    where
        C: DatabaseConnection,
    {
        if self.ids == SessionIds::Migrating {
            execute(conn, Hash, settling(id, now)).map_err(AuthError::of::<C::Backend>)?;
        }
        Ok(())
    }

    /// The cap on the age of sessions, unless it lies beyond the end of time.
    pub(super) fn cap(&self, now: DateTime<Utc>) -> Option<Duration> {
        self.max_age
            .filter(|&age| clock::after(now, age, END).is_ok())
    }

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
    pub(super) fn oldest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
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

/// The values of the statement that hashes a plain id.
pub(super) fn settling<'a, DB: Engine>(
    id: &'a Stored<'_>,
    now: DateTime<Utc>,
) -> [Bind<'a, DB>; 4] {
    [
        Bind::from(&*id.id),
        Bind::key(id.plain),
        moment(now),
        Bind::from(&*id.id),
    ]
}
