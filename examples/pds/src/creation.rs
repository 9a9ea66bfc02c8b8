//! Making accounts, and giving them other handles.
//!
//! An account is made in steps, and a crash may come between any two of them:
//!
//! 1. the handle, the address and a use of the invite code are reserved;
//! 2. the directory is asked to create the identity;
//! 3. the account and its signing key are stored, and the reservation is gone;
//! 4. the repository is made; its events are on their way.
//!
//! Never does an account exist whose identity does not: until step 3 nobody can see or use
//! anything of it. What is still reserved at a start is settled: the directory is asked
//! whether it has the identity, and if so told to end it, and the reservation is freed. An
//! account without a repository gets one at the start.

use std::{sync::Arc, time::Duration};

use atproto_core::{
    crypto::{Curve, PublicKey, SecretKey},
    identity::{
        DidDocument,
        plc::{self, Operation, PlcClientError, SignedOperation, State, Tombstone},
    },
    syntax::{Datetime, Did, Handle},
};
use atproto_xrpc::XrpcError;
use tracing::Instrument;

use crate::{
    accounts::{
        Account, AccountError, Status,
        reservation::{Reservation, Wish},
    },
    app::App,
    database::DatabaseError,
};

/// The pause before an unreachable directory is asked again.
const PAUSE: Duration = Duration::from_secs(60);

/// An account that is going to be made. Everything in it has been checked.
#[derive(Debug, Clone)]
pub struct NewAccount {
    /// Its handle.
    pub handle: Handle,
    /// Its address.
    pub email: Option<String>,
    /// The hash of its password.
    pub password_hash: Option<String>,
    /// The invite code that it uses.
    pub invite_code: Option<String>,
    /// Its identity.
    pub identity: NewIdentity,
}

/// Where an account's identity comes from.
#[derive(Debug, Clone)]
pub enum NewIdentity {
    /// It is made, with this key above the server's own.
    Made {
        /// The owner's key for recovery.
        recovery_key: Option<PublicKey>,
    },
    /// It moves in from elsewhere, and its owner has proven to be that.
    MovesIn(Did),
}

/// An account that was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The account.
    pub account: Account,
    /// Its DID document, if it was made as well.
    pub document: Option<DidDocument>,
}

impl App {
    /// Makes an account. Once begun it goes on to its end, whether or not somebody waits.
    pub async fn create_account(self: &Arc<Self>, new: NewAccount) -> Result<Created, XrpcError> {
        let app = Arc::clone(self);
        let job = self.tasks.spawn(async move { app.create(new).await }.in_current_span());
        job.await.map_err(XrpcError::internal)?
    }

    async fn create(&self, new: NewAccount) -> Result<Created, XrpcError> {
        let key = Arc::new(SecretKey::generate(Curve::K256));
        let NewAccount { handle, email, password_hash, invite_code, identity } = new;
        let (did, genesis) = match identity {
            NewIdentity::MovesIn(did) => (did, None),
            NewIdentity::Made { recovery_key } => {
                let (did, genesis) = self.genesis(&handle, &key, recovery_key)?;
                (did, Some(genesis))
            }
        };
        let status = if genesis.is_some() { Status::Active } else { Status::Deactivated };
        let account = Account {
            did: did.clone(),
            handle: Some(handle.clone()),
            email: email.clone(),
            password_hash,
            status,
            created_at: Datetime::now(),
        };
        let wish = Wish { handle, email, did: did.clone(), invite_code };
        let reservation = self.accounts.reserve(wish).await.map_err(taken)?;
        if let Some(genesis) = &genesis {
            self.submit_genesis(&reservation, genesis).await?;
        }
        if let Err(error) = self.accounts.redeem(&reservation, account.clone(), key).await {
            self.settle(&reservation).await?;
            return Err(error.into());
        }
        self.create_repo(&account).await?;
        tracing::info!(%did, "account created");
        let operation = genesis.as_ref().and_then(SignedOperation::operation);
        let document = operation.map(|operation| State::new(did, operation).to_document());
        Ok(Created { account, document })
    }

    fn genesis(
        &self,
        handle: &Handle,
        key: &SecretKey,
        recovery_key: Option<PublicKey>,
    ) -> Result<(Did, SignedOperation), XrpcError> {
        let own = &self.secrets.rotation_key;
        let mut keys: Vec<PublicKey> = Vec::new();
        let all = [recovery_key, self.recovery_key.clone(), Some(own.public_key())];
        for key in all.into_iter().flatten() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let pds = self.config.public_url();
        let operation = Operation::account(&keys, &key.public_key(), handle, &pds);
        plc::create(operation, own.as_ref()).map_err(XrpcError::internal)
    }

    /// Has the identity created. What was reserved for it is free again if it was not.
    async fn submit_genesis(
        &self,
        reservation: &Reservation,
        genesis: &SignedOperation,
    ) -> Result<(), XrpcError> {
        let Err(error) = self.directory.submit(&reservation.did, genesis).await else {
            return Ok(());
        };
        tracing::warn!(did = %reservation.did, %error, "the directory did not create an identity");
        // After a refusal there is nothing to undo. After silence nobody knows.
        if let PlcClientError::Status { status: 400..500, .. } = error {
            self.accounts.release(reservation).await?;
        } else {
            self.settle(reservation).await?;
        }
        Err(XrpcError::upstream_failure("the directory of identities did not accept the account"))
    }

    /// Gives an account another handle: here and in its identity.
    pub async fn change_handle(
        self: &Arc<Self>,
        did: &Did,
        handle: &Handle,
    ) -> Result<(), XrpcError> {
        let (app, did, handle) = (Arc::clone(self), did.clone(), handle.clone());
        let work = async move { app.replace_handle(did, handle).await };
        let job = self.tasks.spawn(work.in_current_span());
        job.await.map_err(XrpcError::internal)?
    }

    async fn replace_handle(&self, did: Did, handle: Handle) -> Result<(), XrpcError> {
        let wish = Wish { handle, email: None, did: did.clone(), invite_code: None };
        let reservation = self.accounts.reserve(wish).await.map_err(taken)?;
        // Only did:plc is in our hands. Whoever has another identity changes it first.
        if did.method() == "plc"
            && let Err(error) = self.submit_handle(&reservation).await
        {
            tracing::warn!(%did, %error, "the directory did not take a handle");
            self.settle(&reservation).await?;
            return Err(XrpcError::upstream_failure(
                "the directory of identities did not accept the handle",
            ));
        }
        self.accounts.take_handle(reservation).await?;
        self.announce_current(&did).await
    }

    async fn submit_handle(&self, reservation: &Reservation) -> Result<(), PlcClientError> {
        let Reservation { did, handle, .. } = reservation;
        let last = self.directory.last_operation(did).await?;
        let Some(mut next) = last.successor() else { return Ok(()) };
        let before = next.also_known_as.clone();
        next.set_handle(handle);
        if next.also_known_as == before {
            return Ok(());
        }
        let signed = next.sign(self.secrets.rotation_key.as_ref());
        let signed = signed.map_err(|error| PlcClientError::Status {
            status: 500,
            message: error.to_string(),
            retry_after: None,
        })?;
        self.directory.submit(did, &signed).await
    }

    /// Tells the outside what the account database says of an account by now.
    pub async fn announce_current(&self, did: &Did) -> Result<(), XrpcError> {
        self.resolver.purge(did);
        if let Some(account) = self.accounts.by_did(did).await? {
            self.announce(&account).await?;
        }
        Ok(())
    }

    /// Begins to settle what was reserved when the server stopped.
    pub(crate) async fn settle_reservations(self: &Arc<Self>) -> Result<(), DatabaseError> {
        let left = self.accounts.reservations().await?;
        if left.is_empty() {
            return Ok(());
        }
        tracing::info!(count = left.len(), "interrupted changes of identities are being settled");
        let app = Arc::clone(self);
        tokio::spawn(async move {
            for reservation in &left {
                while let Err(error) = app.settle(reservation).await {
                    tracing::warn!(did = %reservation.did, %error, "not settled yet");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        });
        Ok(())
    }

    /// Finds out what became of an interrupted change and makes the rest agree with it.
    async fn settle(&self, reservation: &Reservation) -> Result<(), XrpcError> {
        let Reservation { did, handle, .. } = reservation;
        let exists = self.accounts.by_did(did).await?.is_some();
        let last = match self.directory.last_operation(did).await {
            Ok(last) => Some(last),
            Err(PlcClientError::Status { status: 400..500, .. } | PlcClientError::NotPlc(_)) => {
                None
            }
            Err(error) => return Err(XrpcError::upstream_failure(error.to_string())),
        };
        if exists {
            let name = format!("at://{handle}");
            let taken = last
                .and_then(|last| last.operation())
                .is_some_and(|operation| operation.also_known_as.contains(&name));
            if taken {
                self.accounts.take_handle(reservation.clone()).await?;
                return self.announce_current(did).await;
            }
        } else if let Some(last) = last.filter(|last| !last.is_tombstone() && last.prev().is_none())
        {
            // An identity of which nobody was told: only this server's key is in use.
            let tombstone = Tombstone { prev: last.cid() };
            let signed = tombstone.sign(self.secrets.rotation_key.as_ref());
            let signed = signed.map_err(XrpcError::internal)?;
            let ended = self.directory.submit(did, &signed).await;
            ended.map_err(|error| XrpcError::upstream_failure(error.to_string()))?;
        }
        Ok(self.accounts.release(reservation).await?)
    }
}

/// What a client is told when a part of its wish is taken.
pub(crate) fn taken(error: AccountError) -> XrpcError {
    match error {
        AccountError::Taken("handle") => {
            XrpcError::bad_request("HandleNotAvailable", "Handle already taken")
        }
        AccountError::Taken("email") => XrpcError::invalid_request("Email already taken"),
        AccountError::InviteCode => {
            XrpcError::bad_request("InvalidInviteCode", "Provided invite code not available")
        }
        error => error.into(),
    }
}
