//! The recorder behind the `metrics` facade, rendered as Prometheus text.

use anyhow::Context as _;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::{Service, http, process};

/// Histogram bounds in seconds, from half a millisecond to ten seconds.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// The metric that counts panics of tasks.
pub(crate) const PANICS: &str = "atproto_task_panics_total";

#[derive(Clone)]
pub(crate) struct Metrics(PrometheusHandle);

impl Metrics {
    /// Installs the process's recorder.
    pub(crate) fn install(service: &Service) -> anyhow::Result<Self> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&SECONDS)?
            .install_recorder()
            .context("a metrics recorder is installed already")?;
        describe_gauge!("atproto_build_info", "Constant 1, labelled with what is running.");
        gauge!(
            "atproto_build_info",
            "version" => service.version,
            "revision" => option_env!("ATPROTO_REVISION").unwrap_or("unknown"),
            "component" => service.name
        )
        .set(1.0);
        describe_counter!(PANICS, "Panics caught; each is a bug.");
        counter!(PANICS).absolute(0);
        describe_histogram!(http::DURATION, "Time from request to response head, in seconds.");
        Ok(Self(handle))
    }

    pub(crate) fn render(&self) -> String {
        let mut text = self.0.render();
        process::render(&mut text);
        text
    }

    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
