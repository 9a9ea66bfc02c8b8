//! Client and server against each other, over real sockets on the loopback interface.

mod authorization_server;
mod authorization_store;
mod cancellation;
mod client;
mod directory;
mod dpop;
mod endpoints;
mod framing;
mod idle_readers;
mod net;
mod oauth_client;
mod oauth_metadata;
mod oauth_network;
mod policies;
mod proxy;
mod requests;
mod scopes;
mod seeds;
mod service_auth;
mod serving;
mod session;
mod shared;
mod stores;
mod subscription;
mod transport;
mod validation;
