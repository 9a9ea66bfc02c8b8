//! What the servers' admin ports tell.

use std::net::SocketAddr;

use serde_json::Value;

use crate::network::State;

/// The few figures of the status table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    /// Resident memory in bytes.
    pub(crate) memory: f64,
    metrics: Vec<(String, f64)>,
}

impl Figures {
    /// The sum of all series of a metric whose labels contain `labels`.
    pub(crate) fn sum(&self, name: &str, labels: &str) -> f64 {
        let matches =
            |series: &str| series.split('{').next() == Some(name) && series.contains(labels);
        self.metrics.iter().filter(|(series, _)| matches(series)).map(|(_, value)| value).sum()
    }
}

/// Asks `/readyz`. A server that does not answer is still starting.
pub(crate) async fn readiness(http: &reqwest::Client, admin: SocketAddr) -> State {
    let Ok(response) = http.get(format!("http://{admin}/readyz")).send().await else {
        return State::Starting;
    };
    if response.status().is_success() {
        return State::Ready;
    }
    let report: Value = response.json().await.unwrap_or_default();
    let conditions = report["conditions"].as_object().cloned().unwrap_or_default();
    let missing = conditions.iter().find(|(_, state)| *state != "ok");
    State::Waiting(missing.map_or_else(
        || "not ready".to_owned(),
        |(name, why)| format!("{name}: {}", why.as_str().unwrap_or("not ready")),
    ))
}

/// Asks `/metrics`.
pub(crate) async fn figures(http: &reqwest::Client, admin: SocketAddr) -> Option<Figures> {
    let text = http.get(format!("http://{admin}/metrics")).send().await.ok()?.text().await.ok()?;
    let metrics: Vec<_> = text.lines().filter_map(series).collect();
    let memory = metrics
        .iter()
        .find(|(name, _)| name == "process_resident_memory_bytes")
        .map_or(0.0, |(_, value)| *value);
    Some(Figures { memory, metrics })
}

fn series(line: &str) -> Option<(String, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let wanted = !line.starts_with('#') && !series.contains("_bucket");
    wanted.then_some(())?;
    Some((series.to_owned(), value.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_series_of_one_metric_only() {
        let metrics =
            "a_total{kind=\"x\"} 2\na_total{kind=\"y\"} 3\nab_total 7\n# TYPE a_total counter";
        let figures =
            Figures { memory: 0.0, metrics: metrics.lines().filter_map(series).collect() };
        assert_eq!(figures.sum("a_total", ""), 5.0);
        assert_eq!(figures.sum("a_total", "kind=\"y\""), 3.0);
        assert_eq!(figures.sum("ab_total", ""), 7.0);
    }
}
