//! Client and server against each other, over real sockets on the loopback interface.

mod cancellation;
mod client;
mod endpoints;
mod net;
mod policies;
mod requests;
mod service_auth;
mod session;
mod subscription;
mod validation;
