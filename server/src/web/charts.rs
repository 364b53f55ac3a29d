//! Small charts, drawn as SVG by the page's template.

/// A bar of a chart.
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) height: usize,
    /// What it is, for who points at it or hears it.
    pub(super) label: String,
    /// The class that gives it its colour.
    pub(super) class: &'static str,
}

/// A chart of bars side by side.
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) width: usize,
    pub(super) bar: usize,
    pub(super) bars: Vec<Bar>,
}

/// The height of a chart.
pub(super) const HEIGHT: usize = 56;

impl Chart {
    /// A chart of these values, each with its label and class; `step` is their distance.
    pub(super) fn new(
        title: String,
        step: usize,
        values: impl IntoIterator<Item = (usize, String, &'static str)>,
    ) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        let most = values.iter().map(|(value, ..)| *value).max().unwrap_or(0).max(1);
        let width = values.len().saturating_mul(step);
        let bars = values.into_iter().enumerate().map(|(at, (value, label, class))| {
            // What is there is seen, however little it is.
            let height = value.saturating_mul(HEIGHT).div_ceil(most);
            Bar {
                x: at.saturating_mul(step),
                y: HEIGHT.saturating_sub(height),
                height,
                label,
                class,
            }
        });
        Self { title, width, bar: step.saturating_sub(2), bars: bars.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_fills_the_chart_and_one_is_seen() {
        let chart = Chart::new(
            "x".into(),
            10,
            [(0, String::new(), ""), (1, String::new(), ""), (1000, String::new(), "")],
        );
        let heights: Vec<_> = chart.bars.iter().map(|bar| (bar.x, bar.y, bar.height)).collect();
        assert_eq!(heights, [(0, 56, 0), (10, 55, 1), (20, 0, 56)]);
        assert_eq!((chart.width, chart.bar), (30, 8));
        assert!(Chart::new(String::new(), 10, []).bars.is_empty());
    }
}
