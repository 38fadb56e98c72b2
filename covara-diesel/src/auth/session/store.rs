//! The operations on one session.

use covara_derive::any_database;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ids::{SessionIds, StoredIds};
use super::sql::{
    Create, Delete, Find, FindEither, Hash, Rename, Rotate, Save, SaveCapped, SessionReader,
    Update, UpdateCapped,
};
use super::{NewSession, Session, SessionStore};
use crate::auth::clock;
use crate::auth::engine::{AuthDatabase, AuthEngine};
use crate::auth::error::AuthError;
use crate::auth::json;
use crate::auth::secret::{SessionId, random_base64url};
use crate::auth::statement::{Bind, all, execute, first, moment, storable, stored};
use crate::backend::connection::BackendConnection;

/// 192 bits. OWASP's Session Management Cheat Sheet requires at least 64, and 128 is common.
const ID_BYTES: usize = 24;

const ID: &str = "the session's id";
const USER: &str = "the user id";
pub(super) const END: &str = "the end of the session";

fn new_id() -> Result<SessionId, AuthError> {
    random_base64url::<ID_BYTES>().map(SessionId::from)
}

/// A new session and the values stored for it.
struct PreparedSession<DB: AuthEngine, T> {
    session: Session<T>,
    stored: String,
    created: DB::Time,
    expires: DB::Time,
    data: Option<String>,
}

/// A session that was found.
pub(super) struct FoundSession<T> {
    pub(super) session: Session<T>,
    /// `true` if the table holds its id in the form that is written today.
    pub(super) is_settled: bool,
}

#[any_database(AuthDatabase)]
impl<T: Serialize + DeserializeOwned> SessionStore<T> {
    /// Creates a session with a new random id.
    ///
    /// # Errors
    ///
    /// Errors of the database, data that JSON cannot represent, a user id with NUL on PostgreSQL,
    /// an expiry outside the database's range.
    pub fn create<C>(&self, conn: &mut C, new: NewSession<T>) -> Result<Session<T>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let new = self.prepare::<C::Backend>(new, self.clock.now())?;
        let values = [
            Bind::from(&new.stored),
            Bind::from(&new.session.user_id),
            Bind::time(new.created),
            Bind::time(new.expires),
            Bind::text(new.data.as_deref()),
        ];
        execute(conn, Create, values)?;
        Ok(new.session)
    }

    /// Returns the session that this cookie signs in to, if it is live.
    ///
    /// # Errors
    ///
    /// Errors of the database, and a row that cannot be read.
    pub fn find<C>(
        &self,
        conn: &mut C,
        id: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
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
        id: &StoredIds<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<FoundSession<T>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let reader = SessionReader(Some(id));
        let found = if self.ids == SessionIds::Migrating {
            let values = [Bind::key(&id.id), Bind::key(id.plain), moment(now)];
            let rows = all(conn, FindEither, values, reader);
            rows.map(|rows| rows.into_iter().max_by_key(|(is_settled, _)| *is_settled))
        } else {
            first(conn, Find, [Bind::key(&id.id), moment(now)], reader)
        };
        let Some((is_settled, session)) = found? else {
            return Ok(None);
        };
        let found = FoundSession {
            session: session?,
            is_settled,
        };
        Ok(self
            .is_within_max_age(found.session.created_at, now)
            .then_some(found))
    }

    /// Inserts a session, or updates the user and data of an existing one. The expiry of an
    /// existing session is updated only if the new one is later, because another request may have
    /// extended the session meanwhile. The creation time is kept.
    ///
    /// A session that was deleted meanwhile is restored. One that has expired is not: it keeps its
    /// expiry. No session expires later than [`max_age`](Self::max_age) allows. To write
    /// the changes of a request, use [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn save<C>(&self, conn: &mut C, session: &Session<T>) -> Result<(), AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let now = self.clock.now();
        let id = self.ids.named(session.id.expose());
        storable::<C::Backend>(&[(id.plain, ID), (&session.user_id, USER)])?;
        let (mut created_at, mut expires_at) = (session.created_at, session.expires_at);
        if let Some(age) = self.max_age {
            // A session with a creation time in the future would outlive the maximum age.
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
        saved?;
        Ok(())
    }

    /// Updates the user and data of a session, and its expiry if the new one is later than the
    /// stored one. Returns whether the session was still live: a deleted or expired session is
    /// unchanged.
    ///
    /// A slow request never takes back an extension made by another request, and no session expires
    /// later than [`max_age`](Self::max_age) allows. To make a session expire earlier,
    /// [`rotate`](Self::rotate) it into one with a shorter [`lifetime`](NewSession::lifetime).
    ///
    /// # Errors
    ///
    /// Those of [`create`](Self::create).
    pub fn update<C>(&self, conn: &mut C, session: &Session<T>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
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
        Ok(written? > 0)
    }

    /// Replaces a live session by a new one with a new id. Call it when a user signs in or gains
    /// rights, so that an id that was planted or leaked before becomes useless. Returns `None` when
    /// the old session is not live; no session is created then.
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
        C: BackendConnection<Backend: AuthEngine>,
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
        let written = execute(conn, Rotate, values)?;
        Ok((written > 0).then_some(new.session))
    }

    /// Gives a live session a new id and changes nothing else. Returns `None` when the session is
    /// not live.
    ///
    /// # Errors
    ///
    /// Errors of the database, and a row that cannot be read; in the latter case the id is changed
    /// nevertheless.
    pub fn rename<C>(
        &self,
        conn: &mut C,
        old: impl AsRef<str>,
    ) -> Result<Option<Session<T>>, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
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
        all(conn, Rename, values, SessionReader(Some(&new)))?
            .pop()
            .map(|(_, session)| session)
            .transpose()
            .map_err(AuthError::from)
    }

    fn prepare<DB: AuthEngine>(
        &self,
        new: NewSession<T>,
        now: DateTime<Utc>,
    ) -> Result<PreparedSession<DB, T>, AuthError> {
        storable::<DB>(&[(&new.user_id, USER)])?;
        let data = new.data.as_ref().map(json::write).transpose()?;
        let (created, created_at) = stored::<DB>(now, "the start of the session")?;
        let (expires, expires_at) = stored::<DB>(self.end(now, new.lifetime)?, END)?;
        let id = new_id()?;
        Ok(PreparedSession {
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

#[any_database(AuthDatabase)]
impl<T> SessionStore<T> {
    /// Ends a session, given by its cookie or a handle: log-out. Returns whether it existed.
    ///
    /// If a handle comes from a form, first check whose session it is.
    ///
    /// # Errors
    ///
    /// Errors of the database; the user is still signed in then.
    pub fn delete<C>(&self, conn: &mut C, id: impl AsRef<str>) -> Result<bool, AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        let id = self.ids.named(id.as_ref());
        // An id that was never hashed is stored as it is.
        let deleted = execute(conn, Delete, [Bind::key(&id.id), Bind::key(id.plain)]);
        Ok(deleted? > 0)
    }
}

impl<T> SessionStore<T> {
    /// Returns the id that listings return for the session with this cookie, to mark "this device"
    /// in the result of [`list_for_user`](Self::list_for_user).
    #[must_use]
    pub fn handle(&self, id: impl AsRef<str>) -> SessionId {
        self.ids.handle(id.as_ref())
    }

    /// Hashes the plain id of a live session, under [`SessionIds::Migrating`] only.
    pub(super) fn settle<C>(
        &self,
        conn: &mut C,
        id: &StoredIds<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), AuthError>
    where
        C: BackendConnection<Backend: AuthEngine>,
    {
        if self.ids == SessionIds::Migrating {
            execute(conn, Hash, settling(id, now))?;
        }
        Ok(())
    }

    /// Returns the maximum age, unless the end of that age is beyond chrono's range.
    pub(super) fn cap(&self, now: DateTime<Utc>) -> Option<Duration> {
        self.max_age
            .filter(|&age| clock::after(now, age, END).is_ok())
    }

    /// Returns the expiry of a session created at `now`.
    fn end(
        &self,
        now: DateTime<Utc>,
        lifetime: Option<Duration>,
    ) -> Result<DateTime<Utc>, AuthError> {
        let lifetime = lifetime.unwrap_or(self.lifetime);
        let lifetime = self.max_age.map_or(lifetime, |age| age.min(lifetime));
        clock::after(now, lifetime, END)
    }

    /// Returns the creation time at or before which sessions exceed the maximum age.
    pub(super) fn oldest(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self.max_age {
            Some(age) => clock::before(now, age),
            None => DateTime::<Utc>::MIN_UTC,
        }
    }

    pub(super) fn is_within_max_age(&self, created_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self.max_age
            .is_none_or(|age| created_at > clock::before(now, age))
    }
}

/// Returns the values of the statement that hashes a plain id.
pub(super) fn settling<'a, DB: AuthEngine>(
    id: &'a StoredIds<'_>,
    now: DateTime<Utc>,
) -> [Bind<'a, DB>; 4] {
    [
        Bind::from(&*id.id),
        Bind::key(id.plain),
        moment(now),
        Bind::from(&*id.id),
    ]
}
