//! Logs and traces.

use std::io::IsTerminal;

use anyhow::Context as _;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{LogFormat, Ops, Service, json_log::JsonLog, metrics::PANICS};

/// Left out of traces, because the exporter itself runs on them.
const UNTRACED: &str = "info,h2=off,hyper=off,hyper_util=off,tonic=off,tower=off,reqwest=off,\
                        opentelemetry=off,opentelemetry_sdk=off,opentelemetry_otlp=off";

/// Keeps the exporter alive; [`Telemetry::finish`] sends what is left.
pub(crate) struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Installs the process's subscriber and the panic hook. Call it outside of a runtime:
    /// the exporter's client blocks.
    pub(crate) fn start(service: &Service, ops: &Ops) -> anyhow::Result<Self> {
        let filter = EnvFilter::try_new(&ops.log_filter)
            .with_context(|| format!("not a log filter: {:?}", ops.log_filter))?;
        let log: Box<dyn Layer<Registry> + Send + Sync> = match ops.log_format {
            LogFormat::Json => JsonLog::new(service).with_filter(filter).boxed(),
            LogFormat::Text => tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false)
                .with_filter(filter)
                .boxed(),
        };
        let provider = exporter(service, ops)?;
        let traces = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(service.name))
                .with_filter(EnvFilter::new(UNTRACED))
        });
        tracing_subscriber::registry()
            .with(log)
            .with(traces)
            .try_init()
            .context("a log subscriber is installed already")?;
        log_panics();
        Ok(Self(provider))
    }

    pub(crate) fn finish(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            eprintln!("the last traces could not be sent: {error}");
        }
    }
}

fn exporter(service: &Service, ops: &Ops) -> anyhow::Result<Option<SdkTracerProvider>> {
    let disabled = std::env::var("OTEL_SDK_DISABLED").is_ok_and(|value| value == "true");
    let Some(endpoint) = ops.otlp_endpoint.as_ref().filter(|_| !disabled) else {
        return Ok(None);
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("cannot send traces to {endpoint}"))?;
    let resource = Resource::builder()
        .with_service_name(format!("atproto-{}", service.name))
        .with_attribute(KeyValue::new("service.namespace", "atproto"))
        .with_attribute(KeyValue::new("service.version", service.version))
        .build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    Ok(Some(provider))
}

/// A panic is one log line with its place, and one count; never a bare text among JSON lines.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        metrics::counter!(PANICS).increment(1);
        tracing::error!(error.class = "bug", error.message = %panic, "panic");
    }));
}
