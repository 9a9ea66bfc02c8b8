//! Names that nobody gets, because they would be taken for the server's operator, for a
//! part of the protocol, or for a host that software looks for by that name.

/// In ASCII order, for the search.
const RESERVED: &[&str] = &[
    "abuse", "access", "account", "accounts", "acme", "admin", "administration", "administrator",
    "administrators", "admins", "alert", "alerts", "api", "apis", "app", "apps", "appview",
    "archive", "assets", "atp", "atproto", "auth", "authentication", "authorize", "autoconfig",
    "autodiscover", "backup", "beta", "billing", "blog", "bluesky", "bot", "bots",
    "broadcasthost", "bsky", "business", "careers", "cdn", "chat", "client", "community",
    "config", "contact", "copyright", "dashboard", "data", "debug", "default", "demo", "deploy",
    "dev", "developer", "developers", "did", "directory", "dmca", "dns", "docs", "documentation",
    "domain", "download", "downloads", "email", "error", "everyone", "example", "faq", "feed",
    "feedback", "feeds", "files", "firehose", "forum", "ftp", "guest", "handle", "health", "help",
    "helpdesk", "home", "host", "hosting", "hostmaster", "images", "imap", "info", "internal",
    "invalid", "invite", "isatap", "jetstream", "jobs", "labeler", "legal", "lex", "lexicon",
    "live", "local", "localdomain", "localhost", "login", "logout", "logs", "mail",
    "mailer-daemon", "mailerdaemon", "marketing", "media", "metrics", "mobile", "moderation",
    "moderator", "moderators", "monitor", "news", "nic", "no-reply", "nobody", "noc", "noreply",
    "notifications", "nsid", "null", "oauth", "official", "operator", "owner", "ozone",
    "password", "payment", "payments", "pds", "ping", "plc", "policy", "pop3", "postmaster",
    "press", "privacy", "private", "profile", "proxy", "public", "recovery", "register",
    "registration", "relay", "repo", "report", "reports", "root", "safety", "sales", "security",
    "server", "service", "services", "session", "settings", "setup", "shop", "signin", "signup",
    "smtp", "ssl", "ssladmin", "ssladministrator", "sslwebmaster", "staff", "staging", "static",
    "stats", "status", "store", "support", "sysadmin", "system", "team", "telemetry", "terms",
    "test", "testing", "tid", "tos", "trust", "undefined", "update", "upload", "usenet", "user",
    "users", "uucp", "verification", "verify", "video", "webmail", "webmaster", "websocket",
    "wpad", "www", "xrpc",
];

/// Whether a name is on the list. Names are in lower case.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::RESERVED;

    #[test]
    fn the_list_is_in_order() {
        assert!(RESERVED.is_sorted());
    }
}
