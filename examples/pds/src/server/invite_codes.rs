//! `com.atproto.server.createInviteCode`, `createInviteCodes` and `getAccountInviteCodes`

use std::sync::Arc;

use atproto_core::syntax::{Datetime, Did};
use atproto_lexicons::com::atproto::server::{
    CreateInviteCode, CreateInviteCodeOutput, CreateInviteCodes, CreateInviteCodesOutput,
    GetAccountInviteCodes, GetAccountInviteCodesOutput,
    create_invite_codes::AccountCodes,
    defs::{InviteCode, InviteCodeUse},
};
use atproto_xrpc::{XrpcError, server::Context};
use data_encoding::BASE32_NOPAD;

use crate::{accounts::Invite, app::App, auth::Caller};

/// Who made a code, and for whom, when nobody else is named.
const ADMIN: &str = "admin";
/// Codes of one request, over all accounts. Ours.
const MAX_CODES: usize = 10_000;
/// Uses of one code. Ours.
const MAX_USES: i64 = 1_000_000;

pub(super) async fn create_one(
    app: Arc<App>,
    _context: Context<()>,
    input: CreateInviteCode,
) -> Result<CreateInviteCodeOutput, XrpcError> {
    let account = input.for_account.as_ref().map_or(ADMIN, Did::as_str);
    let invite = invite(&app, account, input.use_count)?;
    let code = invite.code.clone();
    app.accounts.add_invites(vec![invite]).await?;
    Ok(CreateInviteCodeOutput::new(code))
}

pub(super) async fn create(
    app: Arc<App>,
    _context: Context<()>,
    input: CreateInviteCodes,
) -> Result<CreateInviteCodesOutput, XrpcError> {
    let accounts = input.for_accounts.unwrap_or_default();
    let accounts: Vec<&str> =
        if accounts.is_empty() { vec![ADMIN] } else { accounts.iter().map(Did::as_str).collect() };
    let each = usize::try_from(input.code_count).ok().filter(|count| *count > 0);
    let each = each.filter(|count| count.saturating_mul(accounts.len()) <= MAX_CODES);
    let each = each.ok_or_else(|| {
        XrpcError::invalid_request(format!("codeCount must lead to 1 to {MAX_CODES} codes"))
    })?;
    let mut invites = Vec::with_capacity(each * accounts.len());
    let mut answer = Vec::with_capacity(accounts.len());
    for account in accounts {
        let made: Vec<Invite> =
            (0..each).map(|_| invite(&app, account, input.use_count)).collect::<Result<_, _>>()?;
        let codes = made.iter().map(|invite| invite.code.clone()).collect();
        answer.push(AccountCodes::new(account, codes));
        invites.extend(made);
    }
    app.accounts.add_invites(invites).await?;
    Ok(CreateInviteCodesOutput::new(answer))
}

pub(super) async fn of_account(
    app: Arc<App>,
    context: Context<Caller>,
    params: GetAccountInviteCodes,
) -> Result<GetAccountInviteCodesOutput, XrpcError> {
    let include_used = params.include_used;
    let invites = app.accounts.invites_of(&context.proof.did).await?;
    let codes = invites.into_iter().map(view);
    let codes = codes.filter(|code| include_used || is_unused(code));
    Ok(GetAccountInviteCodesOutput::new(codes.collect()))
}

fn is_unused(code: &InviteCode) -> bool {
    usize::try_from(code.available).is_ok_and(|available| code.uses.len() < available)
}

fn view(invite: Invite) -> InviteCode {
    let Invite { code, available, for_account, created_by, created_at, uses } = invite;
    let uses = uses.into_iter().map(|(by, at)| InviteCodeUse::new(by, at)).collect();
    InviteCode::new(code, available, false, for_account, created_by, created_at, uses)
}

fn invite(app: &App, account: &str, uses: i64) -> Result<Invite, XrpcError> {
    if !(1..=MAX_USES).contains(&uses) {
        return Err(XrpcError::invalid_request(format!("useCount must be 1 to {MAX_USES}")));
    }
    Ok(Invite {
        code: random_code(&app.config.hostname)?,
        available: uses,
        for_account: account.to_owned(),
        created_by: ADMIN.to_owned(),
        created_at: Datetime::now(),
        uses: Vec::new(),
    })
}

/// The server's name with 75 random bits, so that people see where a code belongs.
fn random_code(hostname: &str) -> Result<String, XrpcError> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|error| XrpcError::internal(error.to_string()))?;
    let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let server = hostname.replace('.', "-");
    Ok(format!("{server}-{}-{}-{}", &text[..5], &text[5..10], &text[10..15]))
}
