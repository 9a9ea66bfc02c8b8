use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use atproto_core::syntax::Did;

use super::{
    Approval, Authorization, AuthorizationStore, CodeUse, Memory, Presented, Renewal, Rotation,
    Session, StoreError, Stored, StoredRequest,
};
use crate::oauth::authorization_server::Fingerprint;

/// How much of each kind a [`MemoryStore`] holds, unless something else is said. Ours: with
/// requests of usual length some hundred megabytes.
pub const MEMORY_CAPACITY: usize = 1 << 16;

/// Everything in memory, and bounded: for tests, and for servers that may forget. What does not
/// fit is refused once what has expired is gone; nothing is pushed out by what comes later.
#[derive(Debug)]
pub struct MemoryStore {
    capacity: usize,
    state: Mutex<State>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::with_capacity(MEMORY_CAPACITY)
    }
}

impl MemoryStore {
    /// A store that holds so many of each: requests, codes, sessions, used refresh tokens,
    /// memories.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    requests: HashMap<Fingerprint, Request>,
    codes: HashMap<Fingerprint, Code>,
    sessions: HashMap<String, Session>,
    refresh_tokens: HashMap<Fingerprint, RefreshToken>,
    memories: HashMap<(Memory, Fingerprint), u64>,
}

#[derive(Debug)]
struct Request {
    request: StoredRequest,
    browser: Option<Fingerprint>,
}

#[derive(Debug)]
struct Code {
    account: Did,
    /// Taken out by the first use.
    authorization: Option<Authorization>,
    reused: bool,
    session: Option<String>,
    expires: u64,
    /// How long a second use is recognised: as long as the session can live.
    forgotten: u64,
}

#[derive(Debug)]
struct RefreshToken {
    session: String,
    used: bool,
    expires: u64,
}

impl AuthorizationStore for MemoryStore {
    fn add_request(&self, id: Fingerprint, request: StoredRequest, now: u64) -> Stored<'_, ()> {
        let mut state = self.state();
        let fits = state.make_room(self.capacity, now, |state| state.requests.len());
        ready(fits.map(|()| {
            state.requests.insert(id, Request { request, browser: None });
        }))
    }

    fn open_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        let mut state = self.state();
        let found = state.requests.get_mut(&id).filter(|found| found.request.expires > now);
        let Some(found) = found else { return ready(Ok(None)) };
        let is_owner = *found.browser.get_or_insert(browser) == browser;
        ready(Ok(is_owner.then(|| found.request.clone())))
    }

    fn take_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        ready(Ok(self.state().take(id, browser, now)))
    }

    fn approve_request(
        &self,
        id: Fingerprint,
        browser: Fingerprint,
        approval: Approval,
        now: u64,
    ) -> Stored<'_, Option<StoredRequest>> {
        let mut state = self.state();
        if let Err(full) = state.make_room(self.capacity, now, |state| state.codes.len()) {
            return ready(Err(full));
        }
        let Some(request) = state.take(id, browser, now) else { return ready(Ok(None)) };
        let Approval { account, code, code_expires } = approval;
        let code_of = Code {
            account: account.clone(),
            authorization: Some(Authorization { request: request.clone(), account }),
            reused: false,
            session: None,
            expires: code_expires,
            forgotten: code_expires,
        };
        state.codes.insert(code, code_of);
        ready(Ok(Some(request)))
    }

    fn consume_code(&self, code: Fingerprint, now: u64) -> Stored<'_, CodeUse> {
        let mut state = self.state();
        let Some(found) = state.codes.get_mut(&code) else { return ready(Ok(CodeUse::Unknown)) };
        let Some(authorization) = found.authorization.take() else {
            found.reused = true;
            if let Some(session) = found.session.take() {
                state.end(&session);
            }
            return ready(Ok(CodeUse::Reused));
        };
        if found.expires <= now {
            state.codes.remove(&code);
            return ready(Ok(CodeUse::Unknown));
        }
        ready(Ok(CodeUse::First(Box::new(authorization))))
    }

    fn begin_session(
        &self,
        code: Fingerprint,
        session: Session,
        refresh: Option<Fingerprint>,
        now: u64,
    ) -> Stored<'_, bool> {
        let mut state = self.state();
        if let Err(full) = state.make_room(self.capacity, now, |state| state.sessions.len()) {
            return ready(Err(full));
        }
        let used = state.codes.get_mut(&code);
        let Some(code) = used.filter(|code| code.authorization.is_none() && !code.reused) else {
            return ready(Ok(false));
        };
        (code.session, code.forgotten) = (Some(session.id.clone()), session.expires);
        if let Some(refresh) = refresh {
            state.refresh_tokens.insert(refresh, RefreshToken::of(&session));
        }
        state.sessions.insert(session.id.clone(), session);
        ready(Ok(true))
    }

    fn session(&self, id: &str, now: u64) -> Stored<'_, Option<Session>> {
        ready(Ok(self.state().session(id, now)))
    }

    fn present_refresh_token(&self, token: Fingerprint, now: u64) -> Stored<'_, Presented> {
        let mut state = self.state();
        let Some(presented) = state.refresh_tokens.get(&token) else {
            return ready(Ok(Presented::Unknown));
        };
        let (id, used) = (presented.session.clone(), presented.used);
        if used {
            state.end(&id);
            return ready(Ok(Presented::Reused));
        }
        let session = state.session(&id, now);
        ready(Ok(session.map_or(Presented::Unknown, |found| Presented::Current(Box::new(found)))))
    }

    fn rotate_session(
        &self,
        token: Fingerprint,
        renewal: Renewal,
        now: u64,
    ) -> Stored<'_, Rotation> {
        let mut state = self.state();
        let room = state.make_room(self.capacity, now, |state| state.refresh_tokens.len());
        if let Err(full) = room {
            return ready(Err(full));
        }
        let Some(presented) = state.refresh_tokens.get_mut(&token) else {
            return ready(Ok(Rotation::Unknown));
        };
        let id = presented.session.clone();
        if std::mem::replace(&mut presented.used, true) {
            state.end(&id);
            return ready(Ok(Rotation::Reused));
        }
        let Some(session) = state.sessions.get_mut(&id).filter(|found| found.expires > now) else {
            return ready(Ok(Rotation::Unknown));
        };
        let Renewal { refresh, token_id, granted, expires } = renewal;
        (session.token_id, session.granted) = (token_id, granted);
        (session.expires, session.renewed) = (expires, now);
        let session = session.clone();
        state.refresh_tokens.insert(refresh, RefreshToken::of(&session));
        for code in state.codes.values_mut().filter(|code| code.session.as_ref() == Some(&id)) {
            code.forgotten = session.expires;
        }
        ready(Ok(Rotation::Renewed(Box::new(session))))
    }

    fn end_session(&self, id: &str) -> Stored<'_, bool> {
        ready(Ok(self.state().end(id)))
    }

    fn sessions_of(&self, account: &Did, now: u64) -> Stored<'_, Vec<Session>> {
        let state = self.state();
        let of_account = |found: &&Session| found.account == *account && found.expires > now;
        let mut sessions: Vec<_> = state.sessions.values().filter(of_account).cloned().collect();
        sessions.sort_by(|a, b| (a.began, &a.id).cmp(&(b.began, &b.id)));
        ready(Ok(sessions))
    }

    fn end_sessions_of(&self, account: &Did) -> Stored<'_, usize> {
        let mut state = self.state();
        let of_account = state.sessions.values().filter(|found| found.account == *account);
        let ids: Vec<_> = of_account.map(|found| found.id.clone()).collect();
        let ended = ids.iter().filter(|id| state.end(id)).count();
        state.codes.retain(|_, code| code.session.is_some() || code.account != *account);
        ready(Ok(ended))
    }

    fn remember(&self, kind: Memory, id: Fingerprint, expires: u64, now: u64) -> Stored<'_, bool> {
        let mut state = self.state();
        if state.memories.get(&(kind, id)).is_some_and(|until| *until > now) {
            return ready(Ok(false));
        }
        let fits = state.make_room(self.capacity, now, |state| state.memories.len());
        ready(fits.map(|()| {
            state.memories.insert((kind, id), expires);
            true
        }))
    }

    fn expire(&self, now: u64) -> Stored<'_, usize> {
        ready(Ok(self.state().expire(now)))
    }
}

impl RefreshToken {
    fn of(session: &Session) -> Self {
        Self { session: session.id.clone(), used: false, expires: session.expires }
    }
}

impl State {
    fn session(&self, id: &str, now: u64) -> Option<Session> {
        self.sessions.get(id).filter(|found| found.expires > now).cloned()
    }

    fn take(&mut self, id: Fingerprint, browser: Fingerprint, now: u64) -> Option<StoredRequest> {
        let found = self.requests.get(&id)?;
        if found.browser != Some(browser) || found.request.expires <= now {
            return None;
        }
        self.requests.remove(&id).map(|found| found.request)
    }

    fn end(&mut self, id: &str) -> bool {
        self.refresh_tokens.retain(|_, token| token.session != id);
        self.sessions.remove(id).is_some()
    }

    /// Looks for what has expired only when there is no room: each time is a walk over all.
    fn make_room(
        &mut self,
        capacity: usize,
        now: u64,
        count: impl Fn(&Self) -> usize,
    ) -> Result<(), StoreError> {
        if count(self) >= capacity {
            self.expire(now);
        }
        if count(self) >= capacity { Err(StoreError::Full) } else { Ok(()) }
    }

    fn expire(&mut self, now: u64) -> usize {
        let count = |state: &Self| {
            state.requests.len()
                + state.codes.len()
                + state.sessions.len()
                + state.refresh_tokens.len()
                + state.memories.len()
        };
        let before = count(self);
        self.requests.retain(|_, found| found.request.expires > now);
        self.codes.retain(|_, code| code.expires.max(code.forgotten) > now);
        self.sessions.retain(|_, session| session.expires > now);
        self.refresh_tokens.retain(|_, token| token.expires > now);
        self.memories.retain(|_, until| *until > now);
        before - count(self)
    }
}

fn ready<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Stored<'a, T> {
    Box::pin(std::future::ready(result))
}
